-- Why: whoever looks for a kind of event that is rare read all the others. Those that are most of all events are found by
-- time, and written without this index.

CREATE INDEX audit_event_rare_kind_idx ON audit_event (org_id, kind COLLATE "C", at, id)
  WHERE kind COLLATE "C" NOT IN ('context.first_token', 'sign_in.code_requested', 'sign_in.succeeded');
