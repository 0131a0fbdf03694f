-- What an organisation stores at revision 0001: each table has rows, each column a value in one of them.
CREATE FUNCTION pg_temp.org() RETURNS uuid LANGUAGE sql AS $$ SELECT uuid 'bf53fed5-f674-5a70-9d17-f2bd7caee0d2' $$;
CREATE FUNCTION pg_temp.id(number int) RETURNS uuid LANGUAGE sql AS
  $$ SELECT ('01930000-0000-7000-8000-' || lpad(number::text, 12, '0'))::uuid $$;

INSERT INTO organisation (id, key, name, currency, time_zone) VALUES (pg_temp.org(), 'acme', 'Acme', 'EUR', 'Europe/Berlin');
INSERT INTO member (org_id, id, subject, name, email, role, active, time_zone, capacity, daily_cap) VALUES
  (pg_temp.org(), pg_temp.id(1), 'ann', 'Ann', 'ann@example.com', 'ADMIN', true, 'Europe/Berlin', 1, 5),
  (pg_temp.org(), pg_temp.id(2), 'ian', 'Ian', NULL, 'REP', false, 'UTC', 2, NULL);
INSERT INTO customer (org_id, id, name, website, industry, phone, address, notes, external_id, archived_at) VALUES
  (pg_temp.org(), pg_temp.id(5), 'Globex', 'https://globex.example', 'Energy', '+49 30 1', 'Berlin', 'Pays late', 'g-1', now());
INSERT INTO contact (org_id, id, name, email, phone, job_title, address, notes, customer_id, archived_at) VALUES
  (pg_temp.org(), pg_temp.id(6), 'Hank', 'hank@globex.example', '+49 30 2', 'Buyer', 'Berlin', 'Likes tea', pg_temp.id(5), now());
INSERT INTO pipeline (org_id, id, name, type, description, is_default, routes_new_leads, deleted_at) VALUES
  (pg_temp.org(), pg_temp.id(10), 'Sales', 'OPPORTUNITY', 'What we sell', true, true, NULL),
  (pg_temp.org(), pg_temp.id(11), 'Inbox', 'LEAD', NULL, true, false, NULL),
  (pg_temp.org(), pg_temp.id(12), 'Old', 'LEAD', NULL, false, false, now());
INSERT INTO stage (org_id, id, pipeline_id, name, kind, probability, position, rotten_after_days, required_fields, deleted_at) VALUES
  (pg_temp.org(), pg_temp.id(20), pg_temp.id(10), 'New', 'OPEN', 10, 0, 14, '{}', NULL),
  (pg_temp.org(), pg_temp.id(21), pg_temp.id(10), 'Offer', 'OPEN', 60, 1, NULL, '{value,owner_id}', NULL),
  (pg_temp.org(), pg_temp.id(22), pg_temp.id(10), 'Won', 'WON', 100, 2, NULL, '{}', NULL),
  (pg_temp.org(), pg_temp.id(23), pg_temp.id(10), 'Gone', 'OPEN', 5, 3, NULL, '{}', now()),
  (pg_temp.org(), pg_temp.id(24), pg_temp.id(11), 'Open', 'OPEN', 0, 0, NULL, '{}', NULL);
INSERT INTO lost_reason (org_id, id, name, position, archived_at) VALUES (pg_temp.org(), pg_temp.id(8), 'Budget', 0, now());
INSERT INTO lead (org_id, id, pipeline_id, stage_id, rank, title, description, contact_id, customer_id, owner_id, value,
  currency, probability, expected_close_date, score, source, external_id, stage_entered_at, qualified_at,
  last_activity_at, version) VALUES
  (pg_temp.org(), pg_temp.id(31), pg_temp.id(10), pg_temp.id(20), 'i', 'Turbine', 'Two of them', pg_temp.id(6), pg_temp.id(5),
    pg_temp.id(1), 100.00, 'EUR', 50, '2030-01-31', 7, 'fair', 'x-1', now(), now(), now(), 3);
INSERT INTO lead (org_id, id, pipeline_id, stage_id, rank, title, stage_entered_at, converted_at, converted_to_id, closed_at)
  VALUES (pg_temp.org(), pg_temp.id(30), pg_temp.id(11), pg_temp.id(24), 'i', 'Turbine?', now(), now(), pg_temp.id(31), now());
UPDATE lead SET converted_from_id = pg_temp.id(30) WHERE id = pg_temp.id(31);
INSERT INTO lead (org_id, id, pipeline_id, stage_id, rank, title, stage_entered_at, disqualified_at, lost_reason, closed_at)
  VALUES (pg_temp.org(), pg_temp.id(32), pg_temp.id(11), pg_temp.id(24), 'r', 'Windmill?', now(), now(), 'Budget', now());
INSERT INTO stage_total (org_id, stage_id, currency, leads, value, weighted) VALUES
  (pg_temp.org(), pg_temp.id(20), 'EUR', 1, 100.00, 5000.00),
  (pg_temp.org(), pg_temp.id(24), '', 2, 0, 0);
INSERT INTO stage_change (org_id, id, lead_id, from_pipeline_id, from_stage_id, to_pipeline_id, to_stage_id, actor_id, occurred_at) VALUES
  (pg_temp.org(), pg_temp.id(40), pg_temp.id(30), NULL, NULL, pg_temp.id(11), pg_temp.id(24), NULL, now()),
  (pg_temp.org(), pg_temp.id(41), pg_temp.id(31), NULL, NULL, pg_temp.id(10), pg_temp.id(21), pg_temp.id(1), now()),
  (pg_temp.org(), pg_temp.id(42), pg_temp.id(31), pg_temp.id(10), pg_temp.id(21), pg_temp.id(10), pg_temp.id(20), pg_temp.id(1), now()),
  (pg_temp.org(), pg_temp.id(43), pg_temp.id(32), NULL, NULL, pg_temp.id(11), pg_temp.id(24), pg_temp.id(1), now());
INSERT INTO event_log (org_id, head, tail) VALUES (pg_temp.org(), 5, 1);
INSERT INTO event (org_id, number, id, type, occurred_at, actor_id, lead_id, owner_id, pipeline_id, stage_id, from_pipeline_id, from_stage_id, record_id, mutation, data)
  SELECT org_id, row_number() OVER (ORDER BY id), id,
    CASE WHEN from_stage_id IS NULL THEN 'lead.created' ELSE 'lead.stage_changed' END,
    occurred_at, actor_id, lead_id, CASE WHEN lead_id = pg_temp.id(31) THEN pg_temp.id(1) END, to_pipeline_id, to_stage_id,
    from_pipeline_id, from_stage_id, lead_id, 'moveLead', '{}' FROM stage_change;
INSERT INTO event (org_id, number, id, type, occurred_at, actor_id, record_id, mutation, data) VALUES
  (pg_temp.org(), 5, pg_temp.id(44), 'contact.created', now(), pg_temp.id(1), pg_temp.id(6), 'createContact', '{}');
INSERT INTO merged_record (org_id, id, into_id) VALUES (pg_temp.org(), pg_temp.id(7), pg_temp.id(6));
INSERT INTO outcome (org_id, subject, key, fingerprint, result) VALUES (pg_temp.org(), 'ann', 'once', 'f', '{"id": 1}');
INSERT INTO pool (org_id, id, name, strategy, turn) VALUES (pg_temp.org(), pg_temp.id(50), 'Inbound', 'WEIGHTED', 1);
INSERT INTO pool_member (org_id, pool_id, member_id, position, given, credit) VALUES (pg_temp.org(), pg_temp.id(50), pg_temp.id(1), 0, 2, 1);
INSERT INTO routing_day (org_id, member_id, day, leads) VALUES (pg_temp.org(), pg_temp.id(1), '2030-01-01', 2);
INSERT INTO routing_rule (org_id, id, pipeline_id, position, name, stage_id, condition, member_id, pool_id) VALUES
  (pg_temp.org(), pg_temp.id(51), pg_temp.id(10), 0, 'From fairs', pg_temp.id(20), '{"source": {"eq": "fair"}}', pg_temp.id(1), NULL),
  (pg_temp.org(), pg_temp.id(52), pg_temp.id(10), 1, 'Others', NULL, NULL, NULL, pg_temp.id(50));
INSERT INTO activity (org_id, id, lead_id, contact_id, author_id, type, subject, body, outcome, occurred_at, duration, participants) VALUES
  (pg_temp.org(), pg_temp.id(60), pg_temp.id(31), pg_temp.id(6), pg_temp.id(1), 'CALL', 'First call', 'Wants two', 'Offer', now(), 300, '{Hank}');
INSERT INTO task (org_id, id, lead_id, contact_id, customer_id, title, notes, assignee_id, due_at, due_on, deadline, priority, status,
  completed_at, outcome, remind_at, recurrence, parent_id, creator_id, overdue_told_at) VALUES
  (pg_temp.org(), pg_temp.id(70), pg_temp.id(31), pg_temp.id(6), pg_temp.id(5), 'Write', 'Short', pg_temp.id(1), '2030-01-01T09:00Z',
    NULL, '2030-01-01T09:00Z', 'HIGH', 'OPEN', NULL, NULL, '2029-12-31T09:00Z', 'FREQ=WEEKLY', NULL, pg_temp.id(1), now()),
  (pg_temp.org(), pg_temp.id(71), NULL, NULL, NULL, 'Print', NULL, NULL, NULL, '2030-01-01', '2030-01-01T23:00Z', 'LOW', 'DONE', now(),
    'Printed', NULL, NULL, pg_temp.id(70), NULL, NULL);
INSERT INTO task_dependency (org_id, task_id, blocked_by_id) VALUES (pg_temp.org(), pg_temp.id(70), pg_temp.id(71));
