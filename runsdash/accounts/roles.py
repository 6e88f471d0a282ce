"""Says what a role may do. Owns the ladder viewer → operator → admin; knows no views."""

from django.db.models import TextChoices


class Role(TextChoices):
    NONE = "", "no role"
    VIEWER = "viewer", "viewer"
    OPERATOR = "operator", "operator"
    ADMIN = "admin", "admin"

    @property
    def can_see(self) -> bool:
        return self is not Role.NONE

    @property
    def can_act(self) -> bool:
        return self in {Role.OPERATOR, Role.ADMIN}

    @property
    def can_manage(self) -> bool:
        return self is Role.ADMIN
