-- Why: a region that comes back from a backup has what it erased once more, and is asked to erase it again; and rows that
-- were loaded from another server's dump have transaction ids that this one has yet to give, so nobody would ever see
-- them as settled: `meridian restored` sets them anew.

-- When the entry was made that was asked with last.
ALTER TABLE feed_follower ADD COLUMN asked_made_at timestamptz(6);

DROP TRIGGER audit_seal_set_once ON audit_seal;
CREATE TRIGGER audit_seal_set_once BEFORE UPDATE ON audit_seal
  FOR EACH ROW WHEN (OLD.seq IS NOT NULL OR (OLD.event_id, OLD.chain) IS DISTINCT FROM (NEW.event_id, NEW.chain)
    OR (OLD.xid <> NEW.xid AND (OLD.xid < pg_snapshot_xmax(pg_current_snapshot()) OR NEW.xid <> pg_current_xact_id())))
  EXECUTE FUNCTION refuse_audit_change();
