"""What large organisations need: an index for each order of a stage's leads, leads that know of open tasks, words, sort
keys, runs, files whose import goes on where it was stopped, and what companies and people are recognised by. Pools know
who has waited longest. Events say what caused them.

The words that a search finds records by, the keys that they are sorted and recognised by, and what events of earlier
versions do not hold are filled in afterwards, in batches, by what starts the migration: see
`resolvers/changes/missing_values.py`.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = ("created_at", "updated_at", "sort_key", "value", "expected_close_date", "score", "stage_entered_at")
SEARCHED = ("lead_search", "contact", "customer")
NAMED = {"contact": "contact_name_idx", "customer": "customer_name_idx", "member": "member_org_id_name_id_idx"}
"""Tables that are sorted by name, and the indexes that did so until now."""

RECOGNISED = (
    ("customer", "name_key", "TEXT DEFAULT '' NOT NULL"),
    ("customer", "domain_key", "TEXT"),
    ("contact", "email_key", "TEXT"),
    ("contact", "domain_key", "TEXT"),
)
"""What customers and contacts are recognised by: table, column and type."""


def upgrade() -> None:
    """Rows are written before their indexes are created: each new version of a row enters all of them again."""
    op.execute("DROP INDEX lead_owner_idx")
    op.execute("DROP INDEX lead_updated_idx")
    op.execute("ALTER TABLE event_log ADD COLUMN appended_at TIMESTAMP WITH TIME ZONE")
    op.execute("ALTER TABLE lead ADD COLUMN has_open_task BOOLEAN DEFAULT false NOT NULL")
    for table in ("lead", *NAMED):
        op.execute(f"ALTER TABLE {table} ADD COLUMN sort_key TEXT COLLATE \"C\" DEFAULT '' NOT NULL")
    op.execute(
        "UPDATE lead SET has_open_task = true WHERE EXISTS (SELECT FROM task"
        " WHERE task.org_id = lead.org_id AND task.lead_id = lead.id AND task.status = 'OPEN')"
    )
    for column in COLUMNS:
        op.execute(f"CREATE INDEX lead_stage_{column}_idx ON lead (org_id, stage_id, {column}, id)")
    for table, replaced in NAMED.items():
        op.execute(f"DROP INDEX {replaced}")
        op.execute(f"CREATE INDEX {table}_sort_key_idx ON {table} (org_id, sort_key, id)")
    op.execute(
        "CREATE INDEX task_late_idx ON task (deadline, org_id) WHERE status = 'OPEN' AND overdue_told_at IS NULL"
    )
    op.execute("CREATE INDEX lead_created_idx ON lead (org_id, created_at, id)")
    op.execute("CREATE INDEX lead_owner_idx ON lead (org_id, owner_id, created_at, id)")
    op.execute(
        "CREATE INDEX lead_stage_totals_idx ON lead (org_id, stage_id, owner_id)"
        " INCLUDE (closed_at, has_open_task, currency, value, probability)"
    )
    op.execute(
        "CREATE INDEX lead_without_task_idx ON lead (org_id, stage_id) WHERE closed_at IS NULL AND NOT has_open_task"
    )
    op.execute(
        """
        CREATE TABLE lead_search (
            org_id UUID NOT NULL,
            lead_id UUID NOT NULL,
            own_words TSVECTOR NOT NULL,
            contact_words TSVECTOR NOT NULL,
            customer_words TSVECTOR NOT NULL,
            words TSVECTOR GENERATED ALWAYS AS (own_words || contact_words || customer_words) STORED NOT NULL,
            CONSTRAINT lead_search_pkey PRIMARY KEY (lead_id, org_id)
        )
        """
    )
    op.execute("ALTER TABLE contact ADD COLUMN words TSVECTOR")
    op.execute("ALTER TABLE customer ADD COLUMN words TSVECTOR")
    op.execute(
        "ALTER TABLE lead_search ADD CONSTRAINT lead_search_lead_id_fkey FOREIGN KEY(org_id, lead_id)"
        " REFERENCES lead (org_id, id) ON DELETE CASCADE"
    )
    for table in SEARCHED:
        op.execute(f"CREATE INDEX {table}_words_idx ON {table} USING gin (words) WITH (fastupdate = off)")
    op.execute(
        """
        CREATE TABLE imported_file (
            org_id UUID NOT NULL,
            fingerprint TEXT NOT NULL,
            lines INTEGER NOT NULL,
            imported_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            CONSTRAINT imported_file_pkey PRIMARY KEY (org_id, fingerprint)
        )
        """
    )
    op.execute(
        "ALTER TABLE imported_file ADD CONSTRAINT imported_file_org_id_fkey FOREIGN KEY(org_id)"
        " REFERENCES organisation (id) ON DELETE CASCADE"
    )
    op.execute(
        """
        CREATE TABLE run (
            org_id UUID NOT NULL,
            id UUID NOT NULL,
            kind TEXT NOT NULL,
            input JSONB NOT NULL,
            state TEXT DEFAULT 'RUNNING' NOT NULL,
            total INTEGER NOT NULL,
            done INTEGER DEFAULT 0 NOT NULL,
            failures INTEGER DEFAULT 0 NOT NULL,
            error TEXT,
            made_by_id UUID,
            owner TEXT,
            key TEXT,
            due_at TIMESTAMP WITH TIME ZONE,
            attempt BIGINT DEFAULT 0 NOT NULL,
            depth INTEGER DEFAULT 0 NOT NULL,
            finished_at TIMESTAMP WITH TIME ZONE,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            version INTEGER DEFAULT 1 NOT NULL,
            CONSTRAINT run_pkey PRIMARY KEY (org_id, id),
            CONSTRAINT run_state_check CHECK (state IN ('WAITING', 'RUNNING', 'FINISHED', 'FAILED', 'CANCELLED')),
            CONSTRAINT run_made_by_check CHECK ((owner IS NULL) = (made_by_id IS NOT NULL))
        )
        """
    )
    op.execute("CREATE INDEX run_unfinished_idx ON run (org_id, id) WHERE state = 'RUNNING' AND owner IS NULL")
    op.execute("CREATE INDEX run_of_members_idx ON run (org_id, kind, state) WHERE owner IS NULL")
    op.execute("CREATE UNIQUE INDEX run_owner_idx ON run (org_id, owner, key) WHERE owner IS NOT NULL")
    op.execute("CREATE INDEX run_waiting_idx ON run (org_id, kind, due_at, id) WHERE state = 'WAITING'")
    op.execute(
        "CREATE INDEX run_leased_idx ON run (org_id, kind, due_at) WHERE state = 'RUNNING' AND owner IS NOT NULL"
    )
    op.execute(
        """
        CREATE TABLE lane (
            org_id UUID NOT NULL,
            kind TEXT NOT NULL,
            next_due TIMESTAMP WITH TIME ZONE,
            last_turn TIMESTAMP WITH TIME ZONE,
            changes BIGINT DEFAULT 0 NOT NULL,
            CONSTRAINT lane_pkey PRIMARY KEY (org_id, kind)
        ) WITH (fillfactor = 50)
        """
    )
    op.execute("CREATE INDEX lane_due_idx ON lane (next_due, org_id) WHERE next_due IS NOT NULL")
    op.execute(
        """
        CREATE TABLE schedule (
            org_id UUID NOT NULL,
            owner TEXT NOT NULL,
            kind TEXT NOT NULL,
            input JSONB NOT NULL,
            rule TEXT NOT NULL,
            missed TEXT NOT NULL,
            next_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT schedule_pkey PRIMARY KEY (org_id, owner),
            CONSTRAINT schedule_missed_check CHECK (missed IN ('NONE', 'ONCE', 'ALL'))
        )
        """
    )
    op.execute("CREATE INDEX schedule_next_idx ON schedule (next_at, org_id) WHERE next_at IS NOT NULL")
    for table in ("lane", "schedule"):
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_org_id_fkey FOREIGN KEY(org_id)"
            " REFERENCES organisation (id) ON DELETE CASCADE"
        )
    op.execute("CREATE INDEX run_finished_idx ON run (finished_at, org_id) WHERE finished_at IS NOT NULL")
    op.execute("ALTER TABLE stage ADD COLUMN deleting_run_id UUID")
    op.execute("ALTER TABLE pool_member ADD COLUMN latest BIGINT DEFAULT 0 NOT NULL")
    op.execute(
        "ALTER TABLE run ADD CONSTRAINT run_org_id_fkey FOREIGN KEY(org_id)"
        " REFERENCES organisation (id) ON DELETE CASCADE"
    )
    op.execute(
        "ALTER TABLE run ADD CONSTRAINT run_made_by_id_fkey FOREIGN KEY(org_id, made_by_id)"
        " REFERENCES member (org_id, id)"
    )
    op.execute(
        "ALTER TABLE stage ADD CONSTRAINT stage_deleting_run_id_fkey FOREIGN KEY(org_id, deleting_run_id)"
        " REFERENCES run (org_id, id)"
    )
    for table, column, type_ in RECOGNISED:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {type_}")
        op.execute(f"CREATE INDEX {table}_{column}_idx ON {table} (org_id, {column})")
    op.execute(
        """
        CREATE TABLE former_key (
            org_id UUID NOT NULL,
            kind TEXT NOT NULL,
            key TEXT NOT NULL,
            record_id UUID NOT NULL,
            CONSTRAINT former_key_pkey PRIMARY KEY (org_id, kind, key, record_id),
            CONSTRAINT former_key_kind_check CHECK (kind IN ('NAME', 'DOMAIN', 'EMAIL', 'EXTERNAL_ID', 'PHONE'))
        )
        """
    )
    op.execute("CREATE INDEX former_key_record_idx ON former_key (org_id, record_id)")
    op.execute(
        "ALTER TABLE former_key ADD CONSTRAINT former_key_org_id_fkey FOREIGN KEY(org_id)"
        " REFERENCES organisation (id) ON DELETE CASCADE"
    )
    # Consumers of the event log: how far each is, in each organisation.
    op.execute(
        """
        CREATE TABLE consumer (
            org_id UUID NOT NULL,
            name TEXT NOT NULL,
            position BIGINT NOT NULL,
            state TEXT DEFAULT 'RUNNING' NOT NULL,
            failures INTEGER DEFAULT 0 NOT NULL,
            error TEXT,
            retry_at TIMESTAMP WITH TIME ZONE,
            moved_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT consumer_pkey PRIMARY KEY (org_id, name),
            CONSTRAINT consumer_state_check CHECK (state IN ('RUNNING', 'EXPIRED'))
        )
        WITH (fillfactor = 50)
        """
    )
    op.execute(
        "ALTER TABLE consumer ADD CONSTRAINT consumer_org_id_fkey FOREIGN KEY(org_id)"
        " REFERENCES organisation (id) ON DELETE CASCADE"
    )
    # What causes an event. Existing events get the kind of their actor, and what a created record was like, afterwards:
    # up to `unfilled_to`.
    op.execute("ALTER TABLE event ADD COLUMN run_id UUID")
    op.execute("ALTER TABLE event ADD COLUMN depth SMALLINT DEFAULT 0 NOT NULL")
    op.execute("ALTER TABLE event ADD COLUMN actor_kind TEXT DEFAULT 'MEMBER' NOT NULL")
    op.execute(
        "ALTER TABLE event ADD CONSTRAINT event_actor_kind_check"
        " CHECK (actor_kind IN ('MEMBER', 'AUTOMATION', 'IMPORT', 'SYSTEM'))"
    )
    op.execute("ALTER TABLE event_log ADD COLUMN unfilled_to BIGINT")
    op.execute("UPDATE event_log SET unfilled_to = head WHERE head > 0")

    # Leads that go stale are recorded. A stage is due for a look by default, so no row is written here: the first look
    # after the upgrade records the leads that are stale already.
    op.execute("ALTER TABLE stage ADD COLUMN rot_check_at TIMESTAMP WITH TIME ZONE DEFAULT now()")
    op.execute("ALTER TABLE lead ADD COLUMN rotten_told_at TIMESTAMP WITH TIME ZONE")
    op.execute("ALTER TABLE lead ADD COLUMN rot_check_at TIMESTAMP WITH TIME ZONE")
    op.execute("CREATE INDEX stage_rot_check_idx ON stage (rot_check_at, org_id) WHERE rot_check_at IS NOT NULL")
    op.execute("CREATE INDEX lead_rot_check_idx ON lead (rot_check_at, org_id) WHERE rot_check_at IS NOT NULL")
    op.execute(
        "CREATE INDEX lead_idle_idx ON lead (org_id, stage_id, greatest(stage_entered_at, last_activity_at))"
        " WHERE closed_at IS NULL AND rotten_told_at IS NULL AND rot_check_at IS NULL"
    )
    # Notifications: what members are to know of, and what they chose.
    reasons = "'ASSIGNED', 'MENTIONED', 'STAGE_CHANGED_OF_YOURS', 'TASK_OVERDUE', 'REMINDER'"
    op.execute(
        f"""
        CREATE TABLE notification (
            org_id UUID NOT NULL,
            id UUID NOT NULL,
            member_id UUID NOT NULL,
            number BIGINT NOT NULL,
            reason TEXT NOT NULL,
            lead_id UUID,
            task_id UUID,
            actor_id UUID,
            count INTEGER NOT NULL,
            happened_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            read_at TIMESTAMP WITH TIME ZONE,
            mailed BIGINT DEFAULT 0 NOT NULL,
            CONSTRAINT notification_pkey PRIMARY KEY (org_id, id),
            CONSTRAINT notification_reason_check CHECK (reason IN ({reasons}))
        )
        """
    )
    op.execute(
        f"""
        CREATE TABLE notification_setting (
            org_id UUID NOT NULL,
            member_id UUID NOT NULL,
            reason TEXT NOT NULL,
            in_app BOOLEAN DEFAULT true NOT NULL,
            mail TEXT,
            CONSTRAINT notification_setting_pkey PRIMARY KEY (org_id, member_id, reason),
            CONSTRAINT notification_setting_reason_check CHECK (reason IN ({reasons})),
            CONSTRAINT notification_setting_mail_check CHECK (mail IN ('IMMEDIATE', 'DIGEST', 'OFF'))
        )
        """
    )
    op.execute(
        """
        CREATE TABLE muted_record (
            org_id UUID NOT NULL,
            member_id UUID NOT NULL,
            record_id UUID NOT NULL,
            CONSTRAINT muted_record_pkey PRIMARY KEY (org_id, member_id, record_id)
        )
        """
    )
    # Mail: when members want it, and when the next one of each is due.
    op.execute(
        """
        CREATE TABLE mail_setting (
            org_id UUID NOT NULL,
            member_id UUID NOT NULL,
            digest_times TEXT[] NOT NULL,
            digest_weekdays TEXT[] NOT NULL,
            quiet_from TEXT,
            quiet_until TEXT,
            all_day_reminder_at TEXT NOT NULL,
            CONSTRAINT mail_setting_pkey PRIMARY KEY (org_id, member_id),
            CONSTRAINT mail_setting_quiet_check CHECK ((quiet_from IS NULL) = (quiet_until IS NULL))
        )
        """
    )
    op.execute(
        """
        CREATE TABLE mail_due (
            org_id UUID NOT NULL,
            member_id UUID NOT NULL,
            channel TEXT NOT NULL,
            number BIGINT NOT NULL,
            due_at TIMESTAMP WITH TIME ZONE,
            claim UUID,
            free_at TIMESTAMP WITH TIME ZONE,
            failures INTEGER DEFAULT 0 NOT NULL,
            CONSTRAINT mail_due_pkey PRIMARY KEY (org_id, member_id, channel),
            CONSTRAINT mail_due_channel_check CHECK (channel IN ('IMMEDIATE', 'DIGEST'))
        ) WITH (fillfactor = 70)
        """
    )
    for table in ("notification", "notification_setting", "muted_record", "mail_setting", "mail_due"):
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_org_id_fkey FOREIGN KEY(org_id)"
            " REFERENCES organisation (id) ON DELETE CASCADE"
        )
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_member_id_fkey FOREIGN KEY(org_id, member_id)"
            " REFERENCES member (org_id, id)"
        )
    op.execute("CREATE INDEX notification_member_idx ON notification (org_id, member_id, number, id)")
    op.execute(
        "CREATE INDEX notification_unread_idx ON notification (org_id, member_id, number, id) WHERE read_at IS NULL"
    )
    op.execute("CREATE INDEX notification_number_idx ON notification (org_id, number)")
    op.execute("CREATE INDEX mail_due_idx ON mail_due (due_at, org_id) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX mail_due_org_idx ON mail_due (org_id, due_at) WHERE due_at IS NOT NULL")
    # Reminders come from now on; those whose time has passed before count as if they had come.
    op.execute("ALTER TABLE task ADD COLUMN reminded_at TIMESTAMP WITH TIME ZONE")
    op.execute("ALTER TABLE task ADD COLUMN day_reminder_at TIMESTAMP WITH TIME ZONE")
    op.execute(
        "UPDATE task SET reminded_at = coalesce(remind_at, now())"
        " WHERE remind_at < now() OR (remind_at IS NULL AND due_on <= current_date)"
    )
    op.execute(
        "CREATE INDEX task_remind_idx ON task (remind_at, org_id, id)"
        " WHERE status = 'OPEN' AND reminded_at IS NULL AND remind_at IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX task_day_reminder_idx ON task (day_reminder_at, org_id, id)"
        " WHERE status = 'OPEN' AND due_on IS NOT NULL AND assignee_id IS NOT NULL AND remind_at IS NULL"
        " AND reminded_at IS NULL"
    )
    # Calendar feeds of members' tasks.
    op.execute(
        """
        CREATE TABLE calendar_feed (
            org_id UUID NOT NULL,
            member_id UUID NOT NULL,
            secret_hash TEXT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            CONSTRAINT calendar_feed_pkey PRIMARY KEY (org_id, member_id)
        )
        """
    )
    op.execute(
        "ALTER TABLE calendar_feed ADD CONSTRAINT calendar_feed_org_id_fkey FOREIGN KEY(org_id)"
        " REFERENCES organisation (id) ON DELETE CASCADE"
    )
    op.execute(
        "ALTER TABLE calendar_feed ADD CONSTRAINT calendar_feed_member_id_fkey FOREIGN KEY(org_id, member_id)"
        " REFERENCES member (org_id, id)"
    )
    # Webhooks: endpoints, how far each is, their secrets, what waits for them, and what was sent.
    op.execute(
        """
        CREATE TABLE webhook (
            org_id UUID NOT NULL,
            id UUID NOT NULL,
            url TEXT NOT NULL,
            types TEXT[] NOT NULL,
            pipeline_id UUID,
            condition TEXT,
            selection TEXT NOT NULL,
            ordering TEXT DEFAULT 'PER_RECORD' NOT NULL,
            role TEXT DEFAULT 'VIEWER' NOT NULL,
            status TEXT DEFAULT 'ACTIVE' NOT NULL,
            disabled_reason TEXT,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            version INTEGER DEFAULT 1 NOT NULL,
            CONSTRAINT webhook_pkey PRIMARY KEY (org_id, id),
            CONSTRAINT webhook_status_check CHECK (status IN ('ACTIVE', 'PAUSED', 'DISABLED')),
            CONSTRAINT webhook_ordering_check CHECK (ordering IN ('PER_RECORD', 'STRICT', 'NONE'))
        )
        """
    )
    op.execute(
        """
        CREATE TABLE webhook_state (
            org_id UUID NOT NULL,
            webhook_id UUID NOT NULL,
            position BIGINT NOT NULL,
            replay_to BIGINT DEFAULT 0 NOT NULL,
            failures INTEGER DEFAULT 0 NOT NULL,
            failing_since TIMESTAMP WITH TIME ZONE,
            warned INTEGER DEFAULT 0 NOT NULL,
            resume_at TIMESTAMP WITH TIME ZONE,
            retry_at TIMESTAMP WITH TIME ZONE,
            test_id UUID,
            lease BIGINT DEFAULT 0 NOT NULL,
            lease_until TIMESTAMP WITH TIME ZONE,
            CONSTRAINT webhook_state_pkey PRIMARY KEY (org_id, webhook_id)
        ) WITH (fillfactor = 50)
        """
    )
    op.execute(
        """
        CREATE TABLE webhook_secret (
            org_id UUID NOT NULL,
            id UUID NOT NULL,
            webhook_id UUID NOT NULL,
            sealed BYTEA NOT NULL,
            hint TEXT NOT NULL,
            public_key TEXT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            expires_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT webhook_secret_pkey PRIMARY KEY (org_id, id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE webhook_delivery (
            org_id UUID NOT NULL,
            id UUID NOT NULL,
            webhook_id UUID NOT NULL,
            number BIGINT NOT NULL,
            type TEXT NOT NULL,
            record TEXT NOT NULL,
            body BYTEA NOT NULL,
            attempts INTEGER NOT NULL,
            due_at TIMESTAMP WITH TIME ZONE NOT NULL,
            given_up_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT webhook_delivery_pkey PRIMARY KEY (org_id, webhook_id, id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE attempt_log (
            org_id UUID NOT NULL,
            head BIGINT NOT NULL,
            tail BIGINT DEFAULT '1' NOT NULL,
            CONSTRAINT attempt_log_pkey PRIMARY KEY (org_id)
        ) WITH (fillfactor = 50)
        """
    )
    op.execute(
        """
        CREATE TABLE webhook_attempt (
            org_id UUID NOT NULL,
            id UUID NOT NULL,
            number BIGINT NOT NULL,
            webhook_id UUID NOT NULL,
            event_id UUID NOT NULL,
            type TEXT NOT NULL,
            delivered BOOLEAN NOT NULL,
            status INTEGER,
            milliseconds INTEGER NOT NULL,
            error TEXT,
            message TEXT,
            response TEXT,
            at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            CONSTRAINT webhook_attempt_pkey PRIMARY KEY (org_id, id)
        )
        """
    )
    op.execute(
        "ALTER TABLE webhook ADD CONSTRAINT webhook_org_id_fkey FOREIGN KEY(org_id)"
        " REFERENCES organisation (id) ON DELETE CASCADE"
    )
    op.execute(
        "ALTER TABLE webhook ADD CONSTRAINT webhook_pipeline_id_fkey FOREIGN KEY(org_id, pipeline_id)"
        " REFERENCES pipeline (org_id, id)"
    )
    op.execute(
        "ALTER TABLE webhook_state ADD CONSTRAINT webhook_state_webhook_id_fkey FOREIGN KEY(org_id, webhook_id)"
        " REFERENCES webhook (org_id, id) ON DELETE CASCADE"
    )
    op.execute(
        "ALTER TABLE webhook_secret ADD CONSTRAINT webhook_secret_webhook_id_fkey FOREIGN KEY(org_id, webhook_id)"
        " REFERENCES webhook (org_id, id) ON DELETE CASCADE"
    )
    op.execute(
        "ALTER TABLE webhook_delivery ADD CONSTRAINT webhook_delivery_webhook_id_fkey FOREIGN KEY(org_id, webhook_id)"
        " REFERENCES webhook (org_id, id) ON DELETE CASCADE"
    )
    op.execute(
        "ALTER TABLE webhook_attempt ADD CONSTRAINT webhook_attempt_webhook_id_fkey FOREIGN KEY(org_id, webhook_id)"
        " REFERENCES webhook (org_id, id) ON DELETE CASCADE"
    )
    op.execute("CREATE INDEX webhook_pipeline_idx ON webhook (org_id, pipeline_id) WHERE pipeline_id IS NOT NULL")
    op.execute("CREATE INDEX webhook_secret_webhook_idx ON webhook_secret (org_id, webhook_id, id)")
    op.execute("CREATE INDEX webhook_delivery_webhook_idx ON webhook_delivery (org_id, webhook_id, number)")
    op.execute(
        "ALTER TABLE attempt_log ADD CONSTRAINT attempt_log_org_id_fkey FOREIGN KEY(org_id)"
        " REFERENCES organisation (id) ON DELETE CASCADE"
    )
    op.execute("CREATE INDEX webhook_attempt_number_idx ON webhook_attempt (org_id, number)")
    op.execute("CREATE INDEX webhook_attempt_webhook_idx ON webhook_attempt (org_id, webhook_id, id)")
    # Forecast categories: that of a stage, and that of a lead instead.
    op.execute("ALTER TABLE stage ADD COLUMN forecast_category TEXT DEFAULT 'PIPELINE' NOT NULL")
    op.execute("ALTER TABLE lead ADD COLUMN forecast_category TEXT")
    for table in ("stage", "lead"):
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_forecast_category_check"
            " CHECK (forecast_category IN ('OMITTED', 'PIPELINE', 'BEST_CASE', 'COMMIT'))"
        )
    # Money: exchange rates, and the calendar by which an organisation counts.
    op.execute("ALTER TABLE organisation ADD COLUMN fiscal_year_start SMALLINT DEFAULT 1 NOT NULL")
    op.execute(
        "ALTER TABLE organisation ADD CONSTRAINT organisation_fiscal_year_start_check"
        " CHECK (fiscal_year_start BETWEEN 1 AND 12)"
    )
    op.execute(
        """
        CREATE TABLE exchange_rate (
            org_id UUID NOT NULL,
            currency TEXT NOT NULL,
            valid_from DATE NOT NULL,
            rate NUMERIC NOT NULL,
            source TEXT NOT NULL,
            CONSTRAINT exchange_rate_pkey PRIMARY KEY (org_id, currency, valid_from),
            CONSTRAINT exchange_rate_rate_check CHECK (rate > 0),
            CONSTRAINT exchange_rate_currency_check CHECK (currency <> 'EUR'),
            CONSTRAINT exchange_rate_source_check CHECK (source IN ('MANUAL', 'ECB'))
        )
        """
    )
    op.execute(
        "ALTER TABLE exchange_rate ADD CONSTRAINT exchange_rate_org_id_fkey FOREIGN KEY(org_id)"
        " REFERENCES organisation (id) ON DELETE CASCADE"
    )

    # What leads and stages were at each number of the log. Of what is there already this is found out afterwards, from
    # the log: until then `known_from` is null.
    op.execute("ALTER TABLE event_log ADD COLUMN known_from BIGINT")
    op.execute("ALTER TABLE event_log ALTER COLUMN known_from SET DEFAULT 0")
    op.execute(
        """
        CREATE TABLE lead_span (
            org_id UUID NOT NULL,
            lead_id UUID NOT NULL,
            until_number BIGINT DEFAULT 9223372036854775807 NOT NULL,
            from_number BIGINT NOT NULL,
            pipeline_id UUID NOT NULL,
            stage_id UUID NOT NULL,
            owner_id UUID,
            title TEXT NOT NULL,
            value NUMERIC,
            currency TEXT,
            probability SMALLINT,
            expected_close_date DATE,
            forecast_category TEXT,
            outcome TEXT,
            CONSTRAINT lead_span_pkey PRIMARY KEY (org_id, lead_id, until_number)
        ) WITH (fillfactor = 90)
        """
    )
    op.execute(
        """
        CREATE TABLE stage_span (
            org_id UUID NOT NULL,
            stage_id UUID NOT NULL,
            until_number BIGINT DEFAULT 9223372036854775807 NOT NULL,
            from_number BIGINT NOT NULL,
            pipeline_id UUID NOT NULL,
            name TEXT NOT NULL,
            kind TEXT NOT NULL,
            probability SMALLINT NOT NULL,
            forecast_category TEXT NOT NULL,
            position INTEGER NOT NULL,
            CONSTRAINT stage_span_pkey PRIMARY KEY (org_id, stage_id, until_number),
            CONSTRAINT stage_span_numbers_check CHECK (from_number < until_number)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE gone_lead (
            org_id UUID NOT NULL,
            lead_id UUID NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            gone_at TIMESTAMP WITH TIME ZONE NOT NULL,
            pipeline_id UUID NOT NULL,
            stage_id UUID NOT NULL,
            owner_id UUID,
            source TEXT,
            closed_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT gone_lead_pkey PRIMARY KEY (org_id, lead_id)
        )
        """
    )
    op.execute("CREATE INDEX gone_lead_created_idx ON gone_lead (org_id, created_at, lead_id)")
    for table in ("lead_span", "stage_span", "gone_lead"):
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_org_id_fkey FOREIGN KEY(org_id)"
            " REFERENCES organisation (id) ON DELETE CASCADE"
        )
    # The history of leads outlives them. What it names is checked by the lead's own foreign keys when it is moved.
    for column in ("lead_id", "to_pipeline_id", "to_stage_id", "from_pipeline_id", "from_stage_id", "actor_id"):
        op.execute(f"ALTER TABLE stage_change DROP CONSTRAINT stage_change_{column}_fkey")
    op.execute(
        "ALTER TABLE stage_change ADD CONSTRAINT stage_change_org_id_fkey FOREIGN KEY(org_id)"
        " REFERENCES organisation (id) ON DELETE CASCADE"
    )
    op.execute("CREATE INDEX lead_span_stage_idx ON lead_span (org_id, stage_id, until_number, from_number)")
    op.execute("CREATE INDEX stage_span_pipeline_idx ON stage_span (org_id, pipeline_id, until_number)")
    # Quotas, and what members say that they will close.
    op.execute(
        """
        CREATE TABLE quota (
            org_id UUID NOT NULL,
            month DATE NOT NULL,
            holder_id UUID NOT NULL,
            currency TEXT NOT NULL,
            member_id UUID,
            pool_id UUID,
            value NUMERIC NOT NULL,
            CONSTRAINT quota_pkey PRIMARY KEY (org_id, month, holder_id, currency),
            CONSTRAINT quota_whose_check CHECK ((member_id IS NULL) <> (pool_id IS NULL)),
            CONSTRAINT quota_holder_check CHECK (holder_id = coalesce(member_id, pool_id)),
            CONSTRAINT quota_value_check CHECK (value >= 0),
            CONSTRAINT quota_month_check CHECK (extract(day FROM month) = 1)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE forecast_submission (
            org_id UUID NOT NULL,
            id UUID NOT NULL,
            member_id UUID,
            pool_id UUID,
            period TEXT NOT NULL,
            currency TEXT NOT NULL,
            value NUMERIC NOT NULL,
            note TEXT,
            submitted_by_id UUID NOT NULL,
            submitted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            CONSTRAINT forecast_submission_pkey PRIMARY KEY (org_id, id),
            CONSTRAINT forecast_submission_whose_check CHECK ((member_id IS NULL) <> (pool_id IS NULL)),
            CONSTRAINT forecast_submission_value_check CHECK (value >= 0)
        )
        """
    )
    for table in ("quota", "forecast_submission"):
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_org_id_fkey FOREIGN KEY(org_id)"
            " REFERENCES organisation (id) ON DELETE CASCADE"
        )
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_member_id_fkey FOREIGN KEY(org_id, member_id)"
            " REFERENCES member (org_id, id)"
        )
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_pool_id_fkey FOREIGN KEY(org_id, pool_id)"
            " REFERENCES pool (org_id, id) ON DELETE CASCADE"
        )
    op.execute(
        "ALTER TABLE forecast_submission ADD CONSTRAINT forecast_submission_submitted_by_id_fkey"
        " FOREIGN KEY(org_id, submitted_by_id) REFERENCES member (org_id, id)"
    )
    op.execute("CREATE INDEX forecast_submission_period_idx ON forecast_submission (org_id, period, id)")
    op.execute("CREATE INDEX forecast_submission_member_idx ON forecast_submission (org_id, member_id, period, id)")
    op.execute("CREATE INDEX forecast_submission_pool_idx ON forecast_submission (org_id, pool_id, period, id)")
    # What a forecast counts: open leads by when they are expected, closed ones by when they were closed.
    op.execute("CREATE INDEX lead_expected_idx ON lead (org_id, expected_close_date) WHERE closed_at IS NULL")
    op.execute("CREATE INDEX lead_closed_idx ON lead (org_id, closed_at) WHERE closed_at IS NOT NULL")
    # Scores: the rules of each pipeline by version, and what they give to each lead.
    op.execute(
        """
        CREATE TABLE scoring_model (
            org_id UUID NOT NULL,
            pipeline_id UUID NOT NULL,
            version INTEGER NOT NULL,
            groups JSONB NOT NULL,
            bands JSONB NOT NULL,
            parts JSONB NOT NULL,
            published_at TIMESTAMP WITH TIME ZONE,
            scored_to UUID,
            CONSTRAINT scoring_model_pkey PRIMARY KEY (org_id, pipeline_id, version)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE lead_score (
            org_id UUID NOT NULL,
            lead_id UUID NOT NULL,
            pipeline_id UUID NOT NULL,
            model_version INTEGER NOT NULL,
            total INTEGER NOT NULL,
            score INTEGER NOT NULL,
            parts INTEGER[] NOT NULL,
            band TEXT,
            pinned BOOLEAN DEFAULT false NOT NULL,
            scored_at TIMESTAMP WITH TIME ZONE NOT NULL,
            rescore_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT lead_score_pkey PRIMARY KEY (org_id, lead_id)
        )
        """
    )
    op.execute("CREATE INDEX lead_score_rescore_idx ON lead_score (rescore_at, org_id) WHERE rescore_at IS NOT NULL")
    op.execute(
        "ALTER TABLE scoring_model ADD CONSTRAINT scoring_model_org_id_fkey FOREIGN KEY(org_id)"
        " REFERENCES organisation (id) ON DELETE CASCADE"
    )
    op.execute(
        "ALTER TABLE scoring_model ADD CONSTRAINT scoring_model_pipeline_id_fkey FOREIGN KEY(org_id, pipeline_id)"
        " REFERENCES pipeline (org_id, id)"
    )
    op.execute(
        "ALTER TABLE lead_score ADD CONSTRAINT lead_score_lead_id_fkey FOREIGN KEY(org_id, lead_id)"
        " REFERENCES lead (org_id, id) ON DELETE CASCADE"
    )
