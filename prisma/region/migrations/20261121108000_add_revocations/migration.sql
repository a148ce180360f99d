-- Why: a region refuses what was revoked, also after a restart without the centre, and never takes back what it erased.

-- What the centre's revocation lane told, as far as it may still matter, and the place in the lane.
CREATE TABLE revocation (
  kind text NOT NULL,
  subject text NOT NULL,
  version integer,
  status text,
  told_at timestamptz(3) NOT NULL,
  CONSTRAINT revocation_pkey PRIMARY KEY (kind, subject),
  CONSTRAINT revocation_kind CHECK (kind IN ('session', 'membership', 'organization', 'key')),
  CONSTRAINT revocation_versioned CHECK ((kind IN ('membership', 'organization')) = (version IS NOT NULL)),
  CONSTRAINT revocation_status CHECK ((kind = 'organization') = (status IS NOT NULL)
    AND (status IS NULL OR status IN ('active', 'maintenance', 'suspended', 'deleted')))
);
CREATE INDEX revocation_told_at_idx ON revocation (told_at);

CREATE TABLE revocation_cursor (
  id boolean NOT NULL DEFAULT true,
  cursor text NOT NULL,
  CONSTRAINT revocation_cursor_pkey PRIMARY KEY (id),
  CONSTRAINT revocation_cursor_single_row CHECK (id)
);

-- Tombstones: of whom everything was erased here.
CREATE TABLE erased_subject (
  kind text NOT NULL,
  subject_id uuid NOT NULL,
  erased_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT erased_subject_pkey PRIMARY KEY (kind, subject_id),
  CONSTRAINT erased_subject_kind CHECK (kind IN ('user', 'organization'))
);
CREATE INDEX erased_subject_erased_at_idx ON erased_subject (erased_at);

-- Not forced: the service itself reads and writes all of them. To a tenant's role its own is visible, and no other.
ALTER TABLE erased_subject ENABLE ROW LEVEL SECURITY;
CREATE POLICY erased_subject_of_org ON erased_subject FOR SELECT TO meridian_tenant
  USING (kind = 'organization' AND subject_id = nullif(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT ON erased_subject TO meridian_tenant;

-- A request that was let in before its organization was erased writes nothing after it. Each tenant's transaction
-- holds an advisory lock, which the tombstone waits for: who does not see the tombstone has ended before it.
CREATE POLICY record_of_living_org ON record AS RESTRICTIVE FOR INSERT TO meridian_tenant
  WITH CHECK (NOT EXISTS (SELECT FROM erased_subject e WHERE e.kind = 'organization' AND e.subject_id = record.org_id));
