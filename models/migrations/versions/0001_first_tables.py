"""The first tables."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE organisation (
        id UUID NOT NULL,
        key TEXT NOT NULL,
        name TEXT NOT NULL,
        currency TEXT DEFAULT 'USD' NOT NULL,
        time_zone TEXT DEFAULT 'UTC' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT organisation_pkey PRIMARY KEY (id),
        CONSTRAINT organisation_key_length_check CHECK (char_length(key) BETWEEN 1 AND 200)
    )
    """,
    """
    CREATE TABLE customer (
        name TEXT NOT NULL,
        website TEXT,
        industry TEXT,
        phone TEXT,
        address TEXT,
        notes TEXT,
        external_id TEXT,
        archived_at TIMESTAMP WITH TIME ZONE,
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        CONSTRAINT customer_pkey PRIMARY KEY (org_id, id)
    )
    """,
    """
    CREATE TABLE event (
        org_id UUID NOT NULL,
        number BIGINT NOT NULL,
        id UUID NOT NULL,
        type TEXT NOT NULL,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        actor_id UUID,
        lead_id UUID,
        owner_id UUID,
        pipeline_id UUID,
        stage_id UUID,
        from_pipeline_id UUID,
        from_stage_id UUID,
        record_id UUID,
        mutation TEXT,
        data JSONB DEFAULT '{}' NOT NULL,
        CONSTRAINT event_pkey PRIMARY KEY (org_id, number)
    )
    """,
    """
    CREATE TABLE event_log (
        org_id UUID NOT NULL,
        head BIGINT DEFAULT '0' NOT NULL,
        tail BIGINT DEFAULT '1' NOT NULL,
        CONSTRAINT event_log_pkey PRIMARY KEY (org_id)
    )
     WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE lost_reason (
        name TEXT NOT NULL,
        position INTEGER NOT NULL,
        archived_at TIMESTAMP WITH TIME ZONE,
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        CONSTRAINT lost_reason_pkey PRIMARY KEY (org_id, id)
    )
    """,
    """
    CREATE TABLE member (
        subject TEXT NOT NULL,
        name TEXT NOT NULL,
        email TEXT,
        role TEXT DEFAULT 'REP' NOT NULL,
        active BOOLEAN DEFAULT 'true' NOT NULL,
        time_zone TEXT DEFAULT 'UTC' NOT NULL,
        capacity INTEGER DEFAULT '1' NOT NULL,
        daily_cap INTEGER,
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        CONSTRAINT member_pkey PRIMARY KEY (org_id, id),
        CONSTRAINT member_org_id_subject_key UNIQUE (org_id, subject),
        CONSTRAINT member_role_check CHECK (role IN ('VIEWER', 'REP', 'MANAGER', 'ADMIN')),
        CONSTRAINT member_capacity_check CHECK (capacity >= 0 AND daily_cap >= 0)
    )
    """,
    """
    CREATE TABLE merged_record (
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        into_id UUID NOT NULL,
        merged_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT merged_record_pkey PRIMARY KEY (org_id, id)
    )
    """,
    """
    CREATE TABLE outcome (
        org_id UUID NOT NULL,
        subject TEXT NOT NULL,
        key TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        result JSONB NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT outcome_pkey PRIMARY KEY (org_id, subject, key)
    )
    """,
    """
    CREATE TABLE pipeline (
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        description TEXT,
        is_default BOOLEAN DEFAULT 'false' NOT NULL,
        routes_new_leads BOOLEAN DEFAULT 'false' NOT NULL,
        deleted_at TIMESTAMP WITH TIME ZONE,
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        CONSTRAINT pipeline_pkey PRIMARY KEY (org_id, id),
        CONSTRAINT pipeline_type_check CHECK (type IN ('LEAD', 'OPPORTUNITY'))
    )
    """,
    """
    CREATE TABLE pool (
        name TEXT NOT NULL,
        strategy TEXT DEFAULT 'ROUND_ROBIN' NOT NULL,
        turn INTEGER DEFAULT '0' NOT NULL,
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        CONSTRAINT pool_pkey PRIMARY KEY (org_id, id),
        CONSTRAINT pool_strategy_check CHECK (strategy IN ('ROUND_ROBIN', 'FEWEST_OPEN', 'WEIGHTED'))
    )
    """,
    """
    CREATE TABLE contact (
        name TEXT NOT NULL,
        email TEXT,
        phone TEXT,
        job_title TEXT,
        address TEXT,
        notes TEXT,
        customer_id UUID,
        archived_at TIMESTAMP WITH TIME ZONE,
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        CONSTRAINT contact_pkey PRIMARY KEY (org_id, id)
    )
    """,
    """
    CREATE TABLE pool_member (
        org_id UUID NOT NULL,
        pool_id UUID NOT NULL,
        member_id UUID NOT NULL,
        position INTEGER NOT NULL,
        given INTEGER DEFAULT '0' NOT NULL,
        credit BIGINT DEFAULT '0' NOT NULL,
        CONSTRAINT pool_member_pkey PRIMARY KEY (org_id, pool_id, member_id)
    )
    """,
    """
    CREATE TABLE routing_day (
        org_id UUID NOT NULL,
        member_id UUID NOT NULL,
        day DATE NOT NULL,
        leads INTEGER NOT NULL,
        CONSTRAINT routing_day_pkey PRIMARY KEY (org_id, member_id, day)
    )
    """,
    """
    CREATE TABLE stage (
        pipeline_id UUID NOT NULL,
        name TEXT NOT NULL,
        kind TEXT DEFAULT 'OPEN' NOT NULL,
        probability SMALLINT DEFAULT '0' NOT NULL,
        position INTEGER NOT NULL,
        rotten_after_days INTEGER,
        required_fields TEXT[] DEFAULT '{}' NOT NULL,
        deleted_at TIMESTAMP WITH TIME ZONE,
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        CONSTRAINT stage_pkey PRIMARY KEY (org_id, id),
        CONSTRAINT stage_kind_check CHECK (kind IN ('OPEN', 'WON', 'LOST')),
        CONSTRAINT stage_probability_check CHECK (probability BETWEEN 0 AND 100 AND (kind <> 'WON' OR probability = 100) AND (kind <> 'LOST' OR probability = 0)),
        CONSTRAINT stage_rotten_after_days_check CHECK (rotten_after_days > 0)
    )
    """,
    """
    CREATE TABLE lead (
        pipeline_id UUID NOT NULL,
        stage_id UUID NOT NULL,
        rank TEXT COLLATE "C" NOT NULL,
        title TEXT NOT NULL,
        description TEXT,
        contact_id UUID,
        customer_id UUID,
        owner_id UUID,
        value NUMERIC,
        currency TEXT,
        probability SMALLINT,
        expected_close_date DATE,
        score INTEGER,
        source TEXT,
        external_id TEXT,
        stage_entered_at TIMESTAMP WITH TIME ZONE NOT NULL,
        qualified_at TIMESTAMP WITH TIME ZONE,
        disqualified_at TIMESTAMP WITH TIME ZONE,
        lost_reason TEXT,
        converted_at TIMESTAMP WITH TIME ZONE,
        converted_to_id UUID,
        converted_from_id UUID,
        closed_at TIMESTAMP WITH TIME ZONE,
        last_activity_at TIMESTAMP WITH TIME ZONE,
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        CONSTRAINT lead_pkey PRIMARY KEY (org_id, id),
        CONSTRAINT lead_value_check CHECK (value >= 0),
        CONSTRAINT lead_value_has_currency_check CHECK (value IS NULL OR currency IS NOT NULL),
        CONSTRAINT lead_probability_check CHECK (probability BETWEEN 0 AND 100)
    )
    """,
    """
    CREATE TABLE routing_rule (
        pipeline_id UUID NOT NULL,
        position INTEGER NOT NULL,
        name TEXT NOT NULL,
        stage_id UUID,
        condition JSONB,
        member_id UUID,
        pool_id UUID,
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        CONSTRAINT routing_rule_pkey PRIMARY KEY (org_id, id),
        CONSTRAINT routing_rule_whom_check CHECK ((member_id IS NULL) <> (pool_id IS NULL))
    )
    """,
    """
    CREATE TABLE stage_total (
        org_id UUID NOT NULL,
        stage_id UUID NOT NULL,
        currency TEXT NOT NULL,
        leads INTEGER NOT NULL,
        value NUMERIC NOT NULL,
        weighted NUMERIC NOT NULL,
        CONSTRAINT stage_total_pkey PRIMARY KEY (org_id, stage_id, currency)
    )
     WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE activity (
        lead_id UUID NOT NULL,
        contact_id UUID,
        author_id UUID,
        type TEXT NOT NULL,
        subject TEXT NOT NULL,
        body TEXT,
        outcome TEXT,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        duration INTEGER,
        participants TEXT[] DEFAULT '{}' NOT NULL,
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        CONSTRAINT activity_pkey PRIMARY KEY (org_id, id),
        CONSTRAINT activity_type_check CHECK (type IN ('CALL', 'EMAIL', 'MEETING', 'NOTE')),
        CONSTRAINT activity_duration_check CHECK (duration >= 0)
    )
    """,
    """
    CREATE TABLE stage_change (
        lead_id UUID NOT NULL,
        from_pipeline_id UUID,
        from_stage_id UUID,
        to_pipeline_id UUID NOT NULL,
        to_stage_id UUID NOT NULL,
        actor_id UUID,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        CONSTRAINT stage_change_pkey PRIMARY KEY (org_id, id)
    )
    """,
    """
    CREATE TABLE task (
        lead_id UUID,
        contact_id UUID,
        customer_id UUID,
        title TEXT NOT NULL,
        notes TEXT,
        assignee_id UUID,
        due_at TIMESTAMP WITH TIME ZONE,
        due_on DATE,
        deadline TIMESTAMP WITH TIME ZONE,
        priority TEXT DEFAULT 'NORMAL' NOT NULL,
        status TEXT DEFAULT 'OPEN' NOT NULL,
        completed_at TIMESTAMP WITH TIME ZONE,
        outcome TEXT,
        remind_at TIMESTAMP WITH TIME ZONE,
        recurrence TEXT,
        parent_id UUID,
        creator_id UUID,
        overdue_told_at TIMESTAMP WITH TIME ZONE,
        org_id UUID NOT NULL,
        id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        CONSTRAINT task_pkey PRIMARY KEY (org_id, id),
        CONSTRAINT task_status_check CHECK (status IN ('OPEN', 'DONE', 'CANCELLED')),
        CONSTRAINT task_priority_check CHECK (priority IN ('LOW', 'NORMAL', 'HIGH')),
        CONSTRAINT task_due_check CHECK (due_at IS NULL OR due_on IS NULL)
    )
    """,
    """
    CREATE TABLE task_dependency (
        org_id UUID NOT NULL,
        task_id UUID NOT NULL,
        blocked_by_id UUID NOT NULL,
        CONSTRAINT task_dependency_pkey PRIMARY KEY (org_id, task_id, blocked_by_id)
    )
    """,
)
"""The tables, without foreign keys."""

FOREIGN_KEYS = (
    "ALTER TABLE customer ADD CONSTRAINT customer_org_id_fkey FOREIGN KEY(org_id) REFERENCES organisation (id)"
    " ON DELETE CASCADE",
    "ALTER TABLE merged_record ADD CONSTRAINT merged_record_org_id_fkey FOREIGN KEY(org_id) REFERENCES "
    "organisation (id) ON DELETE CASCADE",
    "ALTER TABLE event ADD CONSTRAINT event_org_id_fkey FOREIGN KEY(org_id) REFERENCES organisation (id) ON "
    "DELETE CASCADE",
    "ALTER TABLE event_log ADD CONSTRAINT event_log_org_id_fkey FOREIGN KEY(org_id) REFERENCES organisation "
    "(id) ON DELETE CASCADE",
    "ALTER TABLE lost_reason ADD CONSTRAINT lost_reason_org_id_fkey FOREIGN KEY(org_id) REFERENCES "
    "organisation (id) ON DELETE CASCADE",
    "ALTER TABLE member ADD CONSTRAINT member_org_id_fkey FOREIGN KEY(org_id) REFERENCES organisation (id) ON "
    "DELETE CASCADE",
    "ALTER TABLE outcome ADD CONSTRAINT outcome_org_id_fkey FOREIGN KEY(org_id) REFERENCES organisation (id) "
    "ON DELETE CASCADE",
    "ALTER TABLE pipeline ADD CONSTRAINT pipeline_org_id_fkey FOREIGN KEY(org_id) REFERENCES organisation (id)"
    " ON DELETE CASCADE",
    "ALTER TABLE pool ADD CONSTRAINT pool_org_id_fkey FOREIGN KEY(org_id) REFERENCES organisation (id) ON "
    "DELETE CASCADE",
    "ALTER TABLE contact ADD CONSTRAINT contact_customer_id_fkey FOREIGN KEY(org_id, customer_id) REFERENCES "
    "customer (org_id, id)",
    "ALTER TABLE contact ADD CONSTRAINT contact_org_id_fkey FOREIGN KEY(org_id) REFERENCES organisation (id) "
    "ON DELETE CASCADE",
    "ALTER TABLE pool_member ADD CONSTRAINT pool_member_member_id_fkey FOREIGN KEY(org_id, member_id) "
    "REFERENCES member (org_id, id)",
    "ALTER TABLE pool_member ADD CONSTRAINT pool_member_pool_id_fkey FOREIGN KEY(org_id, pool_id) REFERENCES "
    "pool (org_id, id) ON DELETE CASCADE",
    "ALTER TABLE routing_day ADD CONSTRAINT routing_day_member_id_fkey FOREIGN KEY(org_id, member_id) "
    "REFERENCES member (org_id, id) ON DELETE CASCADE",
    "ALTER TABLE stage ADD CONSTRAINT stage_org_id_fkey FOREIGN KEY(org_id) REFERENCES organisation (id) ON "
    "DELETE CASCADE",
    "ALTER TABLE stage ADD CONSTRAINT stage_pipeline_id_fkey FOREIGN KEY(org_id, pipeline_id) REFERENCES "
    "pipeline (org_id, id)",
    "ALTER TABLE lead ADD CONSTRAINT lead_contact_id_fkey FOREIGN KEY(org_id, contact_id) REFERENCES contact "
    "(org_id, id)",
    "ALTER TABLE lead ADD CONSTRAINT lead_converted_from_id_fkey FOREIGN KEY(org_id, converted_from_id) "
    "REFERENCES lead (org_id, id)",
    "ALTER TABLE lead ADD CONSTRAINT lead_converted_to_id_fkey FOREIGN KEY(org_id, converted_to_id) REFERENCES"
    " lead (org_id, id)",
    "ALTER TABLE lead ADD CONSTRAINT lead_customer_id_fkey FOREIGN KEY(org_id, customer_id) REFERENCES "
    "customer (org_id, id)",
    "ALTER TABLE lead ADD CONSTRAINT lead_org_id_fkey FOREIGN KEY(org_id) REFERENCES organisation (id) ON "
    "DELETE CASCADE",
    "ALTER TABLE lead ADD CONSTRAINT lead_owner_id_fkey FOREIGN KEY(org_id, owner_id) REFERENCES member (org_id, id)",
    "ALTER TABLE lead ADD CONSTRAINT lead_pipeline_id_fkey FOREIGN KEY(org_id, pipeline_id) REFERENCES "
    "pipeline (org_id, id)",
    "ALTER TABLE lead ADD CONSTRAINT lead_stage_id_fkey FOREIGN KEY(org_id, stage_id) REFERENCES stage (org_id, id)",
    "ALTER TABLE routing_rule ADD CONSTRAINT routing_rule_member_id_fkey FOREIGN KEY(org_id, member_id) "
    "REFERENCES member (org_id, id)",
    "ALTER TABLE routing_rule ADD CONSTRAINT routing_rule_pipeline_id_fkey FOREIGN KEY(org_id, pipeline_id) "
    "REFERENCES pipeline (org_id, id) ON DELETE CASCADE",
    "ALTER TABLE routing_rule ADD CONSTRAINT routing_rule_pool_id_fkey FOREIGN KEY(org_id, pool_id) REFERENCES"
    " pool (org_id, id)",
    "ALTER TABLE routing_rule ADD CONSTRAINT routing_rule_stage_id_fkey FOREIGN KEY(org_id, stage_id) "
    "REFERENCES stage (org_id, id)",
    "ALTER TABLE stage_total ADD CONSTRAINT stage_total_stage_id_fkey FOREIGN KEY(org_id, stage_id) REFERENCES"
    " stage (org_id, id) ON DELETE CASCADE",
    "ALTER TABLE activity ADD CONSTRAINT activity_author_id_fkey FOREIGN KEY(org_id, author_id) REFERENCES "
    "member (org_id, id)",
    "ALTER TABLE activity ADD CONSTRAINT activity_contact_id_fkey FOREIGN KEY(org_id, contact_id) REFERENCES "
    "contact (org_id, id)",
    "ALTER TABLE activity ADD CONSTRAINT activity_lead_id_fkey FOREIGN KEY(org_id, lead_id) REFERENCES lead "
    "(org_id, id) ON DELETE CASCADE",
    "ALTER TABLE activity ADD CONSTRAINT activity_org_id_fkey FOREIGN KEY(org_id) REFERENCES organisation (id)"
    " ON DELETE CASCADE",
    "ALTER TABLE stage_change ADD CONSTRAINT stage_change_actor_id_fkey FOREIGN KEY(org_id, actor_id) "
    "REFERENCES member (org_id, id)",
    "ALTER TABLE stage_change ADD CONSTRAINT stage_change_from_pipeline_id_fkey FOREIGN KEY(org_id, "
    "from_pipeline_id) REFERENCES pipeline (org_id, id)",
    "ALTER TABLE stage_change ADD CONSTRAINT stage_change_from_stage_id_fkey FOREIGN KEY(org_id, "
    "from_stage_id) REFERENCES stage (org_id, id)",
    "ALTER TABLE stage_change ADD CONSTRAINT stage_change_lead_id_fkey FOREIGN KEY(org_id, lead_id) REFERENCES"
    " lead (org_id, id) ON DELETE CASCADE",
    "ALTER TABLE stage_change ADD CONSTRAINT stage_change_to_pipeline_id_fkey FOREIGN KEY(org_id, "
    "to_pipeline_id) REFERENCES pipeline (org_id, id)",
    "ALTER TABLE stage_change ADD CONSTRAINT stage_change_to_stage_id_fkey FOREIGN KEY(org_id, to_stage_id) "
    "REFERENCES stage (org_id, id)",
    "ALTER TABLE task ADD CONSTRAINT task_assignee_id_fkey FOREIGN KEY(org_id, assignee_id) REFERENCES member "
    "(org_id, id)",
    "ALTER TABLE task ADD CONSTRAINT task_contact_id_fkey FOREIGN KEY(org_id, contact_id) REFERENCES contact "
    "(org_id, id)",
    "ALTER TABLE task ADD CONSTRAINT task_creator_id_fkey FOREIGN KEY(org_id, creator_id) REFERENCES member "
    "(org_id, id)",
    "ALTER TABLE task ADD CONSTRAINT task_customer_id_fkey FOREIGN KEY(org_id, customer_id) REFERENCES "
    "customer (org_id, id)",
    "ALTER TABLE task ADD CONSTRAINT task_lead_id_fkey FOREIGN KEY(org_id, lead_id) REFERENCES lead (org_id, "
    "id) ON DELETE CASCADE",
    "ALTER TABLE task ADD CONSTRAINT task_org_id_fkey FOREIGN KEY(org_id) REFERENCES organisation (id) ON "
    "DELETE CASCADE",
    "ALTER TABLE task ADD CONSTRAINT task_parent_id_fkey FOREIGN KEY(org_id, parent_id) REFERENCES task "
    "(org_id, id) ON DELETE CASCADE",
    "ALTER TABLE task_dependency ADD CONSTRAINT task_dependency_blocked_by_id_fkey FOREIGN KEY(org_id, "
    "blocked_by_id) REFERENCES task (org_id, id) ON DELETE CASCADE",
    "ALTER TABLE task_dependency ADD CONSTRAINT task_dependency_task_id_fkey FOREIGN KEY(org_id, task_id) "
    "REFERENCES task (org_id, id) ON DELETE CASCADE",
)
"""Added after all tables are there, so that a sharded database can place them first."""

INDEXES = (
    "CREATE UNIQUE INDEX customer_external_id_key ON customer (org_id, external_id) WHERE external_id IS NOT NULL",
    "CREATE INDEX customer_name_idx ON customer (org_id, lower(name), id)",
    "CREATE INDEX customer_updated_idx ON customer (org_id, updated_at, id)",
    "CREATE INDEX event_actor_idx ON event (org_id, actor_id, number)",
    "CREATE INDEX event_lead_idx ON event (org_id, lead_id, number)",
    "CREATE INDEX event_record_idx ON event (org_id, record_id, number) WHERE record_id IS NOT NULL",
    "CREATE INDEX event_type_idx ON event (org_id, type, number)",
    "CREATE UNIQUE INDEX lost_reason_name_key ON lost_reason (org_id, lower(name))",
    "CREATE INDEX member_org_id_name_id_idx ON member (org_id, name, id)",
    "CREATE INDEX merged_record_into_idx ON merged_record (org_id, into_id)",
    "CREATE INDEX outcome_created_idx ON outcome (org_id, created_at)",
    "CREATE UNIQUE INDEX pipeline_default_key ON pipeline (org_id, type) WHERE is_default AND deleted_at IS NULL",
    "CREATE INDEX contact_customer_idx ON contact (org_id, customer_id, id)",
    "CREATE INDEX contact_email_idx ON contact (org_id, lower(email))",
    "CREATE INDEX contact_name_idx ON contact (org_id, lower(name), id)",
    "CREATE INDEX contact_updated_idx ON contact (org_id, updated_at, id)",
    "CREATE INDEX pool_member_member_idx ON pool_member (org_id, member_id)",
    "CREATE INDEX stage_pipeline_idx ON stage (org_id, pipeline_id)",
    "CREATE INDEX stage_position_idx ON stage (org_id, pipeline_id, position, id) WHERE deleted_at IS NULL",
    "CREATE INDEX lead_board_idx ON lead (org_id, stage_id, rank, id)",
    "CREATE INDEX lead_close_date_idx ON lead (org_id, expected_close_date, id)",
    "CREATE INDEX lead_contact_idx ON lead (org_id, contact_id, id)",
    "CREATE UNIQUE INDEX lead_converted_from_key ON lead (org_id, converted_from_id) WHERE converted_from_id "
    "IS NOT NULL",
    "CREATE INDEX lead_converted_to_idx ON lead (org_id, converted_to_id) WHERE converted_to_id IS NOT NULL",
    "CREATE INDEX lead_customer_idx ON lead (org_id, customer_id, id)",
    "CREATE UNIQUE INDEX lead_external_id_key ON lead (org_id, pipeline_id, external_id) WHERE external_id IS NOT NULL",
    "CREATE INDEX lead_open_owner_idx ON lead (org_id, owner_id) WHERE closed_at IS NULL",
    "CREATE INDEX lead_owner_idx ON lead (org_id, owner_id, id)",
    "CREATE INDEX lead_pipeline_idx ON lead (org_id, pipeline_id, id)",
    "CREATE INDEX lead_unowned_idx ON lead (org_id, pipeline_id, id) WHERE owner_id IS NULL AND closed_at IS NULL",
    "CREATE INDEX lead_updated_idx ON lead (org_id, updated_at, id)",
    "CREATE INDEX lead_value_idx ON lead (org_id, value, id)",
    "CREATE INDEX routing_rule_pipeline_idx ON routing_rule (org_id, pipeline_id, position, id)",
    "CREATE INDEX activity_author_idx ON activity (org_id, author_id, occurred_at, id)",
    "CREATE INDEX activity_contact_idx ON activity (org_id, contact_id) WHERE contact_id IS NOT NULL",
    "CREATE INDEX activity_lead_idx ON activity (org_id, lead_id, occurred_at, id)",
    "CREATE INDEX activity_occurred_idx ON activity (org_id, occurred_at, id)",
    "CREATE INDEX stage_change_from_stage_idx ON stage_change (org_id, from_stage_id)",
    "CREATE INDEX stage_change_lead_idx ON stage_change (org_id, lead_id, occurred_at, id)",
    "CREATE INDEX stage_change_to_stage_idx ON stage_change (org_id, to_stage_id)",
    "CREATE INDEX task_assignee_idx ON task (org_id, assignee_id, status, deadline, id)",
    "CREATE INDEX task_contact_idx ON task (org_id, contact_id, id) WHERE contact_id IS NOT NULL",
    "CREATE INDEX task_customer_idx ON task (org_id, customer_id, id) WHERE customer_id IS NOT NULL",
    "CREATE INDEX task_deadline_idx ON task (org_id, status, deadline, id)",
    "CREATE INDEX task_due_idx ON task (org_id, deadline, id)",
    "CREATE INDEX task_lead_idx ON task (org_id, lead_id, id)",
    "CREATE INDEX task_next_idx ON task (org_id, lead_id, deadline, id) WHERE status = 'OPEN'",
    "CREATE INDEX task_parent_idx ON task (org_id, parent_id, id) WHERE parent_id IS NOT NULL",
    "CREATE INDEX task_untold_idx ON task (org_id, deadline, id) WHERE status = 'OPEN' AND overdue_told_at IS NULL",
    "CREATE INDEX task_dependency_blocked_by_idx ON task_dependency (org_id, blocked_by_id)",
)


def upgrade() -> None:
    """Create tables, then foreign keys, then indexes."""
    for statement in (*TABLES, *FOREIGN_KEYS, *INDEXES):
        op.execute(statement)
