# mypy: disable-error-code="import-not-found,import-untyped,no-any-return", allow-subclassing-any
"""Makes no table: the models are there for the admin's pages and their permissions."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [
        migrations.CreateModel(
            name="Queue",
            fields=[
                ("name", models.CharField(max_length=255, primary_key=True, serialize=False)),
            ],
            options={"managed": False, "default_permissions": ("view", "change")},
        ),
        migrations.CreateModel(
            name="Task",
            fields=[("id", models.CharField(max_length=64, primary_key=True, serialize=False))],
            options={"managed": False, "default_permissions": ("view", "change", "delete")},
        ),
    ]
