"""Tenants by the JSON interface, on each store."""
import pytest

pytestmark = pytest.mark.usefixtures("has_web")

API = "/api/v1/queues/mail/tenants"


def test_a_weight_is_put_listed_and_removed(store, admin_web):
    web = admin_web
    assert web(API).status == 404
    for name, weight in (("b", 3), ("a%2Fb", 100)):
        assert web(f"{API}/{name}", "PUT", {"weight": weight}).status == 200
    one = {"type": "t", "queue": "mail", "tenant": "c"}
    assert web("/api/v1/tasks", "POST", one).status == 200
    items = [{"tenant": name, "queue": "mail", "weight": weight, "waiting": waiting}
             for name, weight, waiting in (("a/b", 100, 0), ("b", 3, 0), ("c", 1, 1))]
    assert web(API).json["items"] == items
    page = web(f"{API}?limit=2").json
    assert page["items"] == items[:2]
    assert web(f"{API}?limit=2&cursor={page['next_cursor']}").json["items"] == items[2:]
    assert web(f"{API}/c").json["items"] == items[2:]
    assert [web(f"{API}/b", "DELETE").status for _ in range(2)] == [200, 404]
    assert web(f"{API}/b").status == 404
    assert [record["act"] for record in web("/api/v1/audit?act=tenant.*").json["items"]] == [
        "tenant.delete", "tenant.delete", "tenant.put", "tenant.put"]


@pytest.mark.parametrize("body", [{}, {"weight": 0}, {"weight": 101}, {"weight": "4"},
                                  {"weight": 1.5}, {"colour": 1}])
def test_a_wrong_weight_is_refused(store, admin_web, body):
    assert admin_web(f"{API}/a", "PUT", body).status == 400


def test_who_may_do_what(store, web):
    see, operate = (web.add_token(role, role) for role in ("see", "operate"))
    put = (f"{API}/a", "PUT", {"weight": 2})
    assert [web(*put, token=token).status for token in (see, operate)] == [403, 200]
    assert [web(API, token=token).status for token in (see, operate)] == [200, 200]
    assert [web(f"{API}/a", "DELETE", token=token).status for token in (see, operate)] == [403, 200]
