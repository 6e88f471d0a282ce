"""Says which rows of each table are seen by somebody who may not see every connection.

`x` is a row of the table, `{hidden}` the keys of the connections that are hidden, `{schema}` where the real tables
are. A table that is in neither list fails a test.
"""

CONNECTION = "+x.connection_id NOT IN ({hidden})"  # the plus keeps both engines from reading all of a connection
LEAST = "SELECT u.{column} FROM {schema}.accounts_user u WHERE u.role <> 'admin' AND NOT EXISTS (SELECT 1 FROM"
LEAST += " {schema}.accounts_team_members m JOIN {schema}.accounts_teamconnection c ON c.team_id = m.team_id"
LEAST += " WHERE m.user_id = u.id AND c.connection_id IN ({hidden}))"


def of(table: str, key: str) -> str:
    """Asks the row of another table that `key` names."""
    owner = f"SELECT 1 FROM {{schema}}.{table} o WHERE o.id = x.{key} AND o.connection_id NOT IN ({{hidden}})"
    return f"EXISTS ({owner})"


def by_person(key: str, column: str = "username") -> str:
    """Asks for rows of people who see no more than whoever is answered: what others write may tell of more."""
    return f"x.{key} IN ({LEAST.replace('{column}', column)})"


RUN, THREAD = of("index_run", "run_id"), of("index_thread", "thread_id")
BY_SLUG = "x.connection_slug IN (SELECT o.slug FROM {schema}.index_connection o WHERE o.id NOT IN ({hidden}))"
ENTRY = f"(CASE WHEN x.connection_slug = '' THEN {by_person('actor')} ELSE {BY_SLUG} END)"
OF_ENTRY = (
    f"EXISTS (SELECT 1 FROM {{schema}}.audit_auditentry e WHERE e.id = x.entry_id AND {ENTRY.replace('x.', 'e.')})"
)
HIDDEN_RUN = "SELECT 1 FROM {schema}.bulk_bulkitem i JOIN {schema}.index_run o ON o.id = i.run_id"
HIDDEN_RUN += " WHERE i.job_id = x.id AND o.connection_id IN ({hidden})"
BATCH = f"{by_person('created_by')} AND NOT EXISTS ({HIDDEN_RUN})"
HIDDEN_SLUGS = "SELECT o.slug FROM {schema}.index_connection o WHERE o.id IN ({hidden})"
OF_RULE = f"x.rule_id IN (SELECT x.id FROM {{schema}}.notify_rule x WHERE {by_person('created_by')})"
# What administrators write for a function is for all who have runs with it.
USED = "EXISTS (SELECT 1 FROM {schema}.index_runtool t JOIN {schema}.index_run o ON o.id = t.run_id"
USED += " WHERE t.name = x.function_name AND o.connection_id NOT IN ({hidden}))"
ADMINS = "SELECT u.username FROM {schema}.accounts_user u WHERE u.role = 'admin'"


def for_function(writer: str) -> str:
    return f"({by_person(writer)} OR (x.{writer} IN ({ADMINS}) AND {USED}))"


SEEN: dict[str, str] = {
    "index_connection": "+x.id NOT IN ({hidden})",
    "index_thread": CONNECTION,
    "index_run": CONNECTION,
    "index_runstep": CONNECTION,
    "index_childrun": CONNECTION,
    "index_message": CONNECTION,
    "index_assistant": CONNECTION,
    "index_archivedfile": CONNECTION,
    "index_purgedthread": CONNECTION,
    "index_runsums": CONNECTION,
    "index_dirtyhour": CONNECTION,
    "index_budgetsecond": CONNECTION,
    "index_runmetadata": RUN,
    "index_statusseen": RUN,
    "index_runbody": RUN,
    "index_runtext": RUN,
    "index_runtext_fts": of("index_run", "rowid"),
    "index_runtool": RUN,
    "index_stepbody": of("index_runstep", "step_id"),
    "index_messagebody": of("index_message", "message_id"),
    "index_threadmetadata": THREAD,
    "index_note": THREAD,
    "index_noteword": THREAD,
    "index_label": THREAD,
    "index_job": f"(x.connection_id NOT IN ({{hidden}}) OR x.connection_id IS NULL AND {by_person('created_by')})",
    "index_savedview": by_person("owner_id", "id"),
    "actions_draft": CONNECTION,
    "actions_claim": CONNECTION,
    "actions_sentoutput": CONNECTION,
    "actions_outputtemplate": for_function("made_by"),
    "actions_outputschema": for_function("changed_by"),
    "actions_lineage": f"{RUN} AND {of('index_run', 'source_id')}",
    "actions_liveoutput": RUN,
    "actions_livepiece": RUN,
    "bulk_bulkjob": BATCH,
    "bulk_bulkitem": RUN,
    "notify_rule": by_person("created_by"),
    "notify_delivery": f"{OF_RULE} AND COALESCE(x.body ->> 'connection', '') NOT IN ({HIDDEN_SLUGS})",
    "audit_auditentry": ENTRY,
    "audit_auditcontent": OF_ENTRY,
    "accounts_apitoken": by_person("user_id", "id"),
    "accounts_team": "1 = 0",
    "accounts_team_members": "1 = 0",
    "accounts_teamconnection": "1 = 0",
}
# The table of words gives its hidden columns only by name.
SELECTED = {"index_runtext_fts": "x.*, x.rowid AS rowid, x.index_runtext_fts AS index_runtext_fts"}
# Tables with nothing of a connection, and those of which a person reads their own rows alone.
FREE = {
    "accounts_user", "accounts_user_groups", "accounts_user_user_permissions", "accounts_usersession",
    "account_emailaddress", "account_emailconfirmation", "mfa_authenticator", "socialaccount_socialapp",
    "socialaccount_socialaccount", "socialaccount_socialtoken", "auth_group", "auth_group_permissions",
    "auth_permission", "django_content_type", "django_migrations", "django_session",
    "index_runtext_apart", "index_runtext_fts_config", "index_runtext_fts_data", "index_runtext_fts_idx",
    "index_measuredsum",  # what /metrics says to whoever asks from an allowed address
    "index_keptfilter",  # a filter's text, under a key that is made of it
    "runsdash_cache",  # under keys of those who see the same: row_access.cache_key
}  # fmt: skip
