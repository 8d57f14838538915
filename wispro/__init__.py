"""The door to Wispro: asks one ISP's account over HTTP and answers in the words of `billing`.

    client.py      `WisproClient`, the port that the use-cases call
    paging.py      complete paged reads, or an honest "incomplete"
    transport.py   one GET: pace, deadline, size, retries
    wire.py        what an answer means; fields.py, how one value is read
    errors.py      why there was no usable answer
    login.py       the login token inside a portal QR
    sandbox/       a stand-in for Wispro, for tests and demonstrations (needs the extra `demo`)

Nothing here reads the environment or keeps state between processes.
"""
