"""shop.py - the application of the test in a bare root: a task in Python, which a worker's children
run; run as a program, it enqueues one."""

import gofer

app = gofer.Gofer()


@app.task(name="order:total", retention="1h")
def total(prices: list) -> float:
    return sum(prices)


if __name__ == "__main__":
    print(total.enqueue([12.5, 240, 89.9]).id)
