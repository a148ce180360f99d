-- Why: an organization sees when its support access was last used and why it ended; a sys-admin asks once at a time.

ALTER TABLE support_grant ADD COLUMN last_used_at timestamptz(6);
ALTER TABLE support_grant ADD COLUMN ended_reason text;
ALTER TABLE support_grant ADD CONSTRAINT support_grant_ended_reason
  CHECK ((status = 'ended') = (ended_reason IS NOT NULL)
    AND (ended_reason IS NULL OR ended_reason IN ('organization', 'platform', 'expired', 'organization_closed', 'requester_gone')));
CREATE UNIQUE INDEX support_grant_one_request ON support_grant (org_id, region, requested_by) WHERE status = 'requested';
CREATE INDEX support_grant_open_idx ON support_grant (id) WHERE status IN ('requested', 'approved');
