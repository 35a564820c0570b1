"""tasks - what the shop does in the background: send a receipt, make a report.

    gofer worker --python tasks:tasks

The mail goes to the server in $SMTP_PORT on this machine. Files are in the current folder.
"""

import csv
import os
import smtplib
from email.message import EmailMessage
from pathlib import Path

import gofer

ORDERS = Path("orders.csv")

tasks = gofer.Gofer()  # the broker is $GOFER_URL


@tasks.task(name="shop:receipt", queue="mail", retry=8, timeout="30s", retention="1h")
def send_receipt(to: str, item: str, cents: int, *, ctx: gofer.Context = gofer.INJECTED) -> str:
    mail = EmailMessage()
    mail["From"] = "shop@example.org"
    mail["To"] = to
    mail["Subject"] = f"Your receipt: {item}"
    # Whoever gets the mail twice (a worker died between sending and saying so) can see it.
    mail["Message-ID"] = f"<{ctx.id}@example.org>"
    mail.set_content(f"{item}: {cents / 100:.2f} EUR\n")
    try:
        with smtplib.SMTP("127.0.0.1", int(os.environ["SMTP_PORT"]), timeout=10) as server:
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused:
        raise gofer.GiveUp(f"{to} is refused") from None  # no second try will help
    return f"sent to {to}"


@tasks.task(name="shop:report", retry=2, timeout="1m", retention="1h")
def make_report(output: str, *, ctx: gofer.Context = gofer.INJECTED) -> dict[str, int]:
    totals: dict[str, int] = {}
    with ORDERS.open(newline="") as file:
        rows = list(csv.reader(file))
    for number, (_, item, cents) in enumerate(rows, 1):
        totals[item] = totals.get(item, 0) + int(cents)
        ctx.progress(number, len(rows))
    lines = [f"<tr><td>{item}<td>{cents / 100:.2f}" for item, cents in sorted(totals.items())]
    unfinished = Path(f"{output}.{ctx.id}")
    unfinished.write_text("<table>\n" + "\n".join(lines) + "\n</table>\n")
    unfinished.rename(output)  # whole, or not there
    return totals
