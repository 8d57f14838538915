"""A policy in words: its terms and steps for a table, and what differs between two. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise

from billing.policy import Anchor, Manner, Policy, Step
from billing.values import AlertKind

#: What a term says where the policy says nothing.
OF_THE_ISP = "the ISP's"


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step as lists show it; a kind without a date goes as it happens."""

    kind: str
    when: str
    channels: str
    words: str
    capped: bool


def terms(policy: Policy) -> Mapping[str, str]:
    """This function will return what a policy says besides its steps, by name."""
    said = {
        "timezone": policy.timezone or OF_THE_ISP,
        "preset": policy.preset.code if policy.preset else "none",
        "hours": str(policy.hours) if policy.hours else OF_THE_ISP,
        "minimum_amount": OF_THE_ISP if policy.minimum is None else f"{policy.minimum:f}",
        "digest_from": str(policy.digest_from or "never"),
        "catch_up_days": str(policy.catch_up.days),
        "confirm": "yes" if policy.confirm else "no",
        "overdue_gap_hours": f"{policy.overdue_gap.total_seconds() / 3600:g}",
    }
    for field in fields(policy.caps):
        strictest = getattr(policy.all_caps, field.name)
        said[f"caps.{field.name}"] = "none" if strictest is None else str(strictest)
    return said


def step_lines(policy: Policy) -> tuple[StepLine, ...]:
    """This function will return the steps in order, those that happen first."""
    happen = [(kind, "as it happens", policy.events[kind]) for kind in sorted(policy.events)]
    before = [None, *policy.steps]
    dated = [
        (step.kind, _when(step, earlier), step.manner)
        for earlier, step in pairwise(before)
        if step is not None
    ]
    return tuple(_line(*one) for one in (*happen, *dated))


def differences(old: Policy, new: Policy) -> tuple[str, ...]:
    """This function will say what differs, a line each; none where both do the same."""
    before, after = terms(old), terms(new)
    found = [
        f"{name}: {before[name]} → {after[name]}" for name in after if before[name] != after[name]
    ]
    had, has = _by_name(old), _by_name(new)
    found += [f"removed: {name} ({how})" for name, how in had.items() if name not in has]
    found += [f"added: {name} ({how})" for name, how in has.items() if name not in had]
    found += [
        f"changed: {name} ({had[name]} → {how})"
        for name, how in has.items()
        if had.get(name, how) != how
    ]
    both = [name for name in had if name in has]
    if both != [name for name in has if name in had]:
        found.append("the order of the steps, which decides between two that fall on one instant")
    return tuple(found)


def _by_name(policy: Policy) -> dict[str, str]:
    return {
        f"{line.kind} {line.when}": ", ".join(
            (line.channels, f"words of {line.words}", "capped" if line.capped else "not capped")
        )
        for line in step_lines(policy)
    }


def _when(step: Step, earlier: Step | None) -> str:
    if step.offset == 0:
        return f"on {step.anchor}"
    days = f"{abs(step.offset)} d {'after' if step.offset > 0 else 'before'}"
    if step.anchor is Anchor.PREVIOUS and earlier is not None:
        return f"{days} {earlier.kind} {earlier.name}"
    return f"{days} {step.anchor}"


def _line(kind: AlertKind, when: str, manner: Manner) -> StepLine:
    return StepLine(
        kind=kind.value,
        when=when,
        channels=", ".join(sorted(manner.channels)) or "every channel",
        words=(manner.template or kind).value,
        capped=kind.capped if manner.capped is None else manner.capped,
    )
