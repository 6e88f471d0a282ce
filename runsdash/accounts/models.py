"""Holds people, with their role and how they like their pages, their sessions and teams, and the tokens of scripts."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from runsdash.prepared import Prepared

from .names import name_key
from .roles import Role

MAX_NAME_CHARS = 150


class NameKeyField(models.CharField):  # type: ignore[type-arg]  # it takes none when it runs
    """Keeps what the name of a person is compared by: taken from the name at every save."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        key = name_key(model_instance.serializable_value("username"))
        setattr(model_instance, self.attname, key)
        return key


class People(UserManager["User"]):
    """Finds people. Each request looks for its person by key: with a statement that is kept, like its session's."""

    def get(self, *args: Any, **wanted: Any) -> User:
        if args or wanted.keys() != {"pk"}:
            return super().get(*args, **wanted)
        found = BY_KEY.first(wanted["pk"])
        if found is None:
            raise self.model.DoesNotExist("There is no account with this key.")
        return found


class User(AbstractUser):
    """Describes a person who may sign in. Without a role, or turned off, they see nothing."""

    objects: ClassVar[People] = People()

    username_key = NameKeyField(max_length=MAX_NAME_CHARS, unique=True, editable=False)
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.NONE, blank=True)
    theme = models.CharField(
        max_length=8, choices=[("system", "System"), ("light", "Light"), ("dark", "Dark")], default="system"
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    has_single_key_shortcuts = models.BooleanField(default=True)
    list_columns = models.JSONField(default=list, blank=True)  # of the run list; empty: the usual ones

    @classmethod
    def named(cls, name: str) -> User | None:
        """Finds the account with this name, however it is written."""
        return cls.objects.filter(username_key=name_key(name)).first()

    def clean(self) -> None:
        super().clean()
        if len(name_key(self.username)) > MAX_NAME_CHARS:
            raise ValidationError({"username": f"Written out, this name is longer than {MAX_NAME_CHARS} characters."})
        other = User.named(self.username)
        if other is not None and other.pk != self.pk:
            sentence = f"There is an account {other.username}. Names that differ in case or form alone are the same."
            raise ValidationError({"username": sentence})

    @property
    def can_see(self) -> bool:
        return self.is_active and Role(self.role).can_see

    @property
    def can_act(self) -> bool:
        return self.is_active and Role(self.role).can_act

    @property
    def can_manage(self) -> bool:
        return self.is_active and Role(self.role).can_manage

    @property
    def initials(self) -> str:
        words = (self.get_full_name() or self.username).replace(".", " ").replace("-", " ").split()
        return "".join(word[0] for word in words[:2]).upper() or "?"


BY_KEY: Prepared[User] = Prepared(lambda key: User.objects.filter(pk=key), int)


class Team(models.Model):
    """Names people and connections: those connections are seen by members of a team that has them, and by admins.

    A connection of no team is seen by everybody who has a role.
    """

    name = models.CharField(max_length=80, unique=True)
    members = models.ManyToManyField(User, related_name="teams", blank=True)
    connections = models.ManyToManyField("index.Connection", through="TeamConnection", related_name="+")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TeamConnection(models.Model):
    """Gives a connection to a team. It cannot be removed meanwhile: what is left of it would be seen by everybody."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    connection = models.ForeignKey("index.Connection", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "connection"], name="connection_once_a_team")]

    def __str__(self) -> str:
        return f"{self.connection_id} of {self.team_id}"


class UserSession(AbstractBaseSession):
    """Holds a session of a browser: Django's columns, and whose it is, since when, and when it was last used."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="sessions")
    made_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    hidden: str | None  # comes with the statement of sessions.SessionStore

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
        return store


class ApiToken(models.Model):
    """Describes a token by which a script comes in. Of the token itself only a digest is kept.

    One with an owner ends with them; one without was made on the server and ends when it expires or is revoked.
    """

    class Scope(models.TextChoices):
        EXPORT = "export", "export runs"
        INGEST = "ingest", "send in runs"

    name = models.CharField(max_length=100)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="api_tokens")
    prefix = models.CharField(max_length=16)  # how people tell tokens apart
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="one_token_of_a_name_each"),
            models.UniqueConstraint(fields=["name"], condition=models.Q(user=None), name="one_token_of_a_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def actor(self) -> str:
        """Returns what the audit trail calls whoever comes with it."""
        owner = f" of {self.user.username}" if self.user else ""
        return f"token {self.name}{owner}"[:MAX_NAME_CHARS]
