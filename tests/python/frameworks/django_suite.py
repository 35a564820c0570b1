"""django_suite - Django's own tests of django.tasks (tests/tasks/test_tasks.py), run against gofer.

    django_suite.py TESTS     TESTS: the folder `tests` of Django's source

Exits with 0 if all pass but those in EXCEPTIONS, and each of these fails.
"""

import sys
import unittest

from django.conf import settings

from gofer.django import GoferBackend

EXCEPTIONS = {
    "test_using_correct_backend": "it asserts that the backend is Django's DummyBackend",
    "test_get_backend": "it asserts that the backend is Django's DummyBackend",
}


class Backend(GoferBackend):
    """With what the tests ask of the DummyBackend."""

    def clear(self):
        for queue in self.app.inspect.queues():
            self.app.inspect.delete_queue(queue.queue, force=True)

    @property
    def results(self):
        return [self.get_result(info.id) for info in self.app.inspect.find()]


TASKS = {
    "default": {
        "BACKEND": f"{__name__}.Backend",
        "QUEUES": ["default", "queue_1"],
        "OPTIONS": {"URL": "memory:"},
    },
    "immediate": {
        "BACKEND": "django.tasks.backends.immediate.ImmediateBackend",
        "QUEUES": [],
    },
    "missing": {"BACKEND": "does.not.exist"},
}


def main(tests):
    sys.path.insert(0, tests)
    sys.modules["django_suite"] = sys.modules[__name__]
    settings.configure(TASKS=TASKS, USE_TZ=True, DATABASES={})
    import django

    django.setup()
    from django.test import override_settings
    from tasks import test_tasks

    case = override_settings(TASKS=TASKS)(
        type("GoferTaskTestCase", (test_tasks.TaskTestCase,), {"__module__": __name__})
    )
    result = unittest.TextTestRunner(verbosity=1).run(
        unittest.defaultTestLoader.loadTestsFromTestCase(case)
    )
    failed = {test.id().rsplit(".", 1)[1] for test, _ in [*result.failures, *result.errors]}
    print(f"ran {result.testsRun}, failed as they must: {len(failed & EXCEPTIONS.keys())}")
    print(f"unexpected failures: {sorted(failed - EXCEPTIONS.keys())}")
    print(f"unexpected successes: {sorted(EXCEPTIONS.keys() - failed)}")
    return int(failed != EXCEPTIONS.keys() or result.testsRun < 30)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
