"""Holds people: their role and how they like their pages."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from .roles import Role


class User(AbstractUser):
    """Describes a person who may sign in. Without a role they see nothing."""

    role = models.CharField(max_length=16, choices=Role.choices, default=Role.NONE, blank=True)
    theme = models.CharField(
        max_length=8, choices=[("system", "System"), ("light", "Light"), ("dark", "Dark")], default="system"
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    has_single_key_shortcuts = models.BooleanField(default=True)
    list_columns = models.JSONField(default=list, blank=True)  # of the run list; empty: the usual ones

    @property
    def can_see(self) -> bool:
        return Role(self.role).can_see

    @property
    def can_act(self) -> bool:
        return Role(self.role).can_act

    @property
    def can_manage(self) -> bool:
        return Role(self.role).can_manage

    @property
    def initials(self) -> str:
        words = (self.get_full_name() or self.username).replace(".", " ").replace("-", " ").split()
        return "".join(word[0] for word in words[:2]).upper() or "?"
