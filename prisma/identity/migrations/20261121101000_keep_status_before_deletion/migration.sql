-- Why: a deleted organization is restored to what it was, so that a deletion lifts no suspension.
ALTER TABLE organization ADD COLUMN status_before_deletion text;
ALTER TABLE organization ADD CONSTRAINT organization_status_before_deletion
  CHECK (status_before_deletion IN ('active', 'maintenance', 'suspended'));
