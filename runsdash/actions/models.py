"""What people's deeds leave behind beside the trail: which run was made from which."""

from django.db import models

from runsdash.index.models import Run


class Lineage(models.Model):
    """`run` is a re-run of `source`, on the same thread or on a copy of it."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="made_from")
    source = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="reruns")
    is_on_copy = models.BooleanField()
    changed = models.JSONField(default=list)  # names of the parameters that were edited
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.run_id} from {self.source_id}"
