"""tasks - what the shop does in the background: send a receipt, make a report."""

from pathlib import Path

from django.core.mail import send_mail
from django.db.models import Sum
from django.utils.html import format_html

from .models import Order

try:
    from django.tasks import task
except ImportError:  # before Django 6: the package django-tasks
    from django_tasks import task


@task(queue_name="mail", timeout="30s")
def send_receipt(order_id):
    order = Order.objects.get(pk=order_id)
    text = f"{order.item}: {order.cents / 100:.2f} EUR\n"
    send_mail(f"Your receipt: {order.item}", text, "shop@example.org", [order.email])


@task(takes_context=True, retry=2, unique="1m", on_conflict="return")
def make_report(context, output):
    totals = Order.objects.values_list("item").annotate(Sum("cents")).order_by("item")
    rows = [format_html("<tr><td>{}<td>{}", item, f"{cents / 100:.2f}") for item, cents in totals]
    unfinished = Path(f"{output}.{context.task_result.id}")
    unfinished.write_text("<table>\n" + "\n".join(rows) + "\n</table>\n")
    unfinished.rename(output)  # whole, or not there
    return dict(totals)
