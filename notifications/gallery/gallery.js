"use strict";
const form = document.getElementById("filters");
const themes = { light: "Claro", dark: "Oscuro" };

// The e-mail follows the screen; here each copy of it is told which one it is on.
const themed = (page, theme) =>
  page
    .replaceAll("@media (prefers-color-scheme:dark)", theme === "dark" ? "@media all" : "@media not all")
    .replaceAll("color-scheme:light dark", "color-scheme:" + theme)
    .replaceAll('content="light dark"', 'content="' + theme + '"');

const fit = (frame) => {
  frame.style.height = frame.contentDocument.documentElement.scrollHeight + "px";
};

const draw = (mails) => {
  const wanted = form.theme.value ? [form.theme.value] : Object.keys(themes);
  if (mails.dataset.drawn === wanted.join()) return;
  mails.dataset.drawn = wanted.join();
  mails.replaceChildren(
    ...wanted.map((theme) => {
      const frame = document.createElement("iframe");
      frame.title = themes[theme];
      frame.setAttribute("sandbox", "allow-same-origin");
      frame.addEventListener("load", () => fit(frame));
      frame.srcdoc = themed(mails.dataset.page, theme);
      return frame;
    }),
  );
};

// An e-mail is drawn when it comes near: hundreds at once would stop a phone.
const near = new IntersectionObserver(
  (entries) => entries.forEach((entry) => entry.isIntersecting && draw(entry.target)),
  { rootMargin: "600px" },
);

const apply = () => {
  let shown = 0;
  for (const section of document.querySelectorAll("section")) {
    const kind = !form.kind.value || section.dataset.kind === form.kind.value;
    let any = false;
    for (const figure of section.querySelectorAll("figure")) {
      const fits = ["locale", "medium"].every(
        (name) => !form[name].value || figure.dataset[name] === form[name].value,
      );
      figure.hidden = !(kind && fits);
      any ||= !figure.hidden;
      shown += !figure.hidden;
    }
    section.hidden = !any;
  }
  form.querySelector("output").value = "Se ven " + shown + (shown === 1 ? " mensaje." : " mensajes.");
  for (const mails of document.querySelectorAll(".mails")) {
    near.unobserve(mails);
    near.observe(mails);
  }
};

for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
  if (form[name]) form[name].value = value;
}
form.addEventListener("change", () => {
  const chosen = [...new FormData(form)].filter(([, value]) => value);
  history.replaceState(null, "", "#" + new URLSearchParams(chosen));
  apply();
});
form.addEventListener("submit", (event) => event.preventDefault());
apply();
