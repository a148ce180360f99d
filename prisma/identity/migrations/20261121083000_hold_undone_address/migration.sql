-- Why: a change of address can be undone for a while, so nobody else may take the address that it set free meanwhile;
-- and a change knows the one challenge whose code completes it.

ALTER TABLE email_change ADD COLUMN challenge_id uuid NOT NULL;
CREATE UNIQUE INDEX email_change_challenge_id_key ON email_change (challenge_id);

-- Whether an address was somebody else's and they may still have it back.
CREATE FUNCTION is_email_held(address text, for_user uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM email_change e JOIN user_account u ON u.id = e.user_id
    WHERE e.old_email = address AND e.user_id <> for_user AND e.stopped_at IS NULL AND e.undo_until > meridian_now()
      AND u.status <> 'deleted')
$$;

-- AFTER, so that whoever waited at the unique index for the change that sets an address free sees that change.
CREATE FUNCTION refuse_held_email() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF is_email_held(NEW.email, NEW.id) THEN
    RAISE EXCEPTION 'the address is held for the person who had it'
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'user_account_email_held';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER user_account_refuse_held_email AFTER INSERT OR UPDATE OF email ON user_account
  FOR EACH ROW EXECUTE FUNCTION refuse_held_email();
