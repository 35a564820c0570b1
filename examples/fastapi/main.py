"""main - a shop in FastAPI that leaves mail and reports to workers.

uvicorn main:app
gofer worker --python tasks:tasks
"""

import csv

import gofer
from fastapi import FastAPI, HTTPException
from gofer.fastapi import Application, lifespan
from pydantic import BaseModel

from tasks import ORDERS, make_report, send_receipt, tasks

app = FastAPI(lifespan=lifespan(tasks))


class Order(BaseModel):
    email: str
    item: str
    cents: int


@app.post("/orders", status_code=202)
async def order(order: Order) -> dict[str, str]:
    with ORDERS.open("a", newline="") as file:
        csv.writer(file).writerow([order.email, order.item, order.cents])
    handle = await send_receipt.aenqueue(order.email, order.item, order.cents)
    return {"task": handle.id}


@app.post("/reports", status_code=202)
async def report() -> dict[str, str]:
    handle = await make_report.aenqueue("report.html")
    return {"task": handle.id}


@app.get("/tasks/{task_id}")
def look(task_id: str, tasks: Application) -> dict[str, str]:
    try:
        info = tasks.inspect.task(task_id)
    except gofer.NotFound:
        raise HTTPException(404, "no such task, or it was done more than an hour ago") from None
    return {"state": info.state, "result": (info.result or b"").decode()}
