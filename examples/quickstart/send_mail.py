#!/usr/bin/env python3
"""A handler for `gofer worker --exec 'email:*=send_mail.py'`: sends the mail that its payload
describes, by the server in $SMTP_PORT on this machine.

The payload is JSON: {"to": ..., "subject": ..., "body": ...}. Exit codes tell the worker what a
failure means: 75, the server is away or asks to come again: retry; 100, it will never take this
mail: archive; the words on standard error become the task's error text.
"""

import json
import os
import smtplib
import sys
from email.message import EmailMessage

DONE, RETRY, NEVER = 0, 75, 100


def compose(payload: bytes) -> EmailMessage:
    fields = json.loads(payload)
    mail = EmailMessage()
    mail["From"] = fields.get("sender", "gofer@example.org")
    mail["To"] = fields["to"]
    mail["Subject"] = fields["subject"]
    # The task's id: whoever gets the mail twice (a worker died between sending and saying so) can
    # see that it is the same.
    mail["Message-ID"] = f"<{os.environ['GOFER_TASK_ID']}@example.org>"
    mail.set_content(fields["body"])
    return mail


def main() -> int:
    try:
        mail = compose(sys.stdin.buffer.read())
    except (ValueError, KeyError, TypeError) as error:
        print(f"the payload is no mail: {error!r}", file=sys.stderr)
        return NEVER
    try:
        with smtplib.SMTP("127.0.0.1", int(os.environ["SMTP_PORT"]), timeout=10) as server:
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        print(f"refused: {error}", file=sys.stderr)
        return NEVER
    except smtplib.SMTPResponseException as error:
        print(f"the server said {error.smtp_code}: {error.smtp_error!r}", file=sys.stderr)
        return NEVER if error.smtp_code >= 500 else RETRY
    except OSError as error:
        print(f"no mail server: {error}", file=sys.stderr)
        return RETRY
    print(f"sent to {mail['To']}", end="")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
