-- Why: whoever is deleted stays deleted and nothing of them is left in their row, and the platform keeps somebody who
-- can administer it: held here, so that no path can forget it.

-- The row stays, so that its id is nobody else's and what names it still leads somewhere.
UPDATE user_account SET deleted_at = meridian_now() WHERE status = 'deleted' AND deleted_at IS NULL;
UPDATE user_account SET email = NULL, phone = NULL, name = '', platform_role = NULL, email_verified_at = NULL
  WHERE status = 'deleted';
ALTER TABLE user_account ADD CONSTRAINT user_account_deleted
  CHECK ((status = 'deleted') = (deleted_at IS NOT NULL) AND (status <> 'deleted' OR name = ''
    AND email IS NULL AND phone IS NULL AND platform_role IS NULL AND email_verified_at IS NULL AND disabled_at IS NULL));

CREATE FUNCTION refuse_return_of_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a deleted account stays deleted' USING ERRCODE = 'check_violation', CONSTRAINT = 'user_account_stays_deleted';
END $$;
CREATE TRIGGER user_account_stays_deleted BEFORE UPDATE ON user_account
  FOR EACH ROW WHEN (OLD.status = 'deleted' AND NEW.status <> 'deleted') EXECUTE FUNCTION refuse_return_of_deleted();

-- By name after membership_not_of_sys_admin, which locks the person: whoever waited there sees the deletion here.
CREATE FUNCTION refuse_membership_of_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM user_account WHERE id = NEW.user_id AND status = 'deleted') THEN
    RAISE EXCEPTION 'a deleted account can hold no membership'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_of_nobody';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER membership_of_nobody BEFORE INSERT OR UPDATE ON membership
  FOR EACH ROW WHEN (NEW.status <> 'removed') EXECUTE FUNCTION refuse_membership_of_deleted();

-- The lock is the bootstrap's. Those who go at once take turns, and each then sees who is left.
CREATE FUNCTION lock_sys_admins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('meridian_first_sys_admin'));
  RETURN NEW;
END $$;
CREATE FUNCTION refuse_loss_of_last_sys_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM user_account WHERE platform_role = 'sys_admin' AND status = 'active') THEN
    RAISE EXCEPTION 'the platform keeps an active sys-admin'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'user_account_keeps_sys_admin';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER user_account_lock_sys_admins BEFORE UPDATE ON user_account
  FOR EACH ROW WHEN (OLD.platform_role = 'sys_admin' AND OLD.status = 'active'
    AND (NEW.platform_role IS NULL OR NEW.status <> 'active')) EXECUTE FUNCTION lock_sys_admins();
CREATE TRIGGER user_account_keeps_sys_admin AFTER UPDATE ON user_account
  FOR EACH ROW WHEN (OLD.platform_role = 'sys_admin' AND OLD.status = 'active'
    AND (NEW.platform_role IS NULL OR NEW.status <> 'active')) EXECUTE FUNCTION refuse_loss_of_last_sys_admin();
CREATE INDEX user_account_sys_admin_idx ON user_account (id) WHERE platform_role IS NOT NULL;

-- What is erased with a person is found by their contact, not by reading whole tables.
CREATE INDEX known_device_contact_mac_idx ON known_device (contact_mac);
CREATE INDEX mail_outbox_contact_mac_idx ON mail_outbox (contact_mac);
CREATE INDEX invitation_settled_email_idx ON invitation (email) WHERE status <> 'pending' AND email <> '';
CREATE INDEX invitation_user_id_idx ON invitation (user_id) WHERE user_id IS NOT NULL;
