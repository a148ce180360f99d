-- Why: a mail that waits to be sent tells of an invitation that may be over by then.

ALTER TABLE mail_outbox ADD COLUMN invitation_id uuid;
