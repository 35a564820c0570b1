"""The task of the quickstart that is handled in Python; quickstart.sh has a worker run it:

    gofer worker --python tasks:app

It sends a mail by the server in $SMTP_PORT on this machine. What it raises decides what happens
next: an ordinary exception, and it is tried again; GiveUp, and it is archived.
"""

import os
import smtplib
from email.message import EmailMessage

import gofer

app = gofer.Gofer()


@app.task(name="email:welcome", queue="mail", retry=8, timeout="30s", retention="1h")
def welcome(to: str, subject: str, body: str, *, ctx: gofer.Context = gofer.INJECTED) -> str:
    mail = EmailMessage()
    mail["From"] = "gofer@example.org"
    mail["To"] = to
    mail["Subject"] = subject
    # The task's id: whoever gets the mail twice (a worker died between sending and saying so) can
    # see that it is the same.
    mail["Message-ID"] = f"<{ctx.id}@example.org>"
    mail.set_content(body)
    try:
        with smtplib.SMTP("127.0.0.1", int(os.environ["SMTP_PORT"]), timeout=10) as server:
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        raise gofer.GiveUp(f"refused: {error}") from error  # they will not take it later either
    return f"sent to {to}"
