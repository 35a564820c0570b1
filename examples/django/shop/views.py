"""views - orders, reports, and what became of a report."""

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from .models import Order
from .tasks import make_report, send_receipt


@require_POST
@transaction.atomic
def order(request: HttpRequest) -> JsonResponse:
    order = Order.objects.create(
        email=request.POST["email"], item=request.POST["item"], cents=int(request.POST["cents"])
    )
    # It goes in when the order is committed: no worker looks for an order that is not there.
    return JsonResponse({"task": send_receipt.enqueue(order.pk).id}, status=202)


@require_POST
def report(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"task": make_report.enqueue("report.html").id}, status=202)


def look(request: HttpRequest, task_id: str) -> JsonResponse:
    result = make_report.get_result(task_id)
    value = result.return_value if result.status == "SUCCESSFUL" else None
    return JsonResponse({"status": result.status, "value": value})


urlpatterns = [
    path("orders", order),
    path("reports", report),
    path("reports/<str:task_id>", look),
]
