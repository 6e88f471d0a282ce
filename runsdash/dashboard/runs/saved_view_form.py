"""The form of a saved view. Parses and limits; what is wrong stands in `errors`."""

from django import forms

from runsdash.index.models import SavedView
from runsdash.index.search.run_filter import FilterError, parsed

from .query import MAX_FILTER_CHARS, NEWEST_FIRST, SORTS


class SavedViewForm(forms.ModelForm):
    """A name for a filter and an order. One person has a name once."""

    class Meta:
        model = SavedView
        fields = ("name", "query", "sort", "is_shared")

    query = forms.CharField(required=False, max_length=MAX_FILTER_CHARS)
    sort = forms.CharField(required=False)

    def clean_query(self) -> str:
        try:
            return str(parsed(self.cleaned_data["query"]))
        except FilterError as refused:
            raise forms.ValidationError(str(refused)) from refused

    def clean_sort(self) -> str:
        sort = self.cleaned_data["sort"]
        return sort if sort.removeprefix("-") in SORTS and sort != NEWEST_FIRST else ""

    def clean_name(self) -> str:
        name = self.cleaned_data["name"]
        same = SavedView.objects.filter(owner=self.instance.owner, name=name).exclude(pk=self.instance.pk)
        if same.exists():
            raise forms.ValidationError("You have a view of this name already.")
        return name
