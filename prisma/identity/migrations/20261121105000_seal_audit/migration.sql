-- Why: what happened must be provable later, and what is personal in it must still be erasable. Events are written as
-- before, in the transactions that make them; a sealer chains by hash, a chain an organization, those that can no longer
-- be overtaken. What is personal stands beside the event in a row that can go, and the chain holds its salted digest.

-- Each part behind its length, so that no two lists of parts read alike.
CREATE FUNCTION audit_digest(salt bytea, details text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT sha256(int4send(octet_length(salt)) || salt || int4send(octet_length(details)) || convert_to(details, 'UTF8'))
$$;

-- Personal details -----------------------------------------------------------------------------------------------------
CREATE TABLE audit_personal (
  event_id uuid NOT NULL,
  user_id uuid,
  salt bytea NOT NULL,
  details text NOT NULL,
  written_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT audit_personal_pkey PRIMARY KEY (event_id),
  CONSTRAINT audit_personal_event_id_fkey FOREIGN KEY (event_id) REFERENCES audit_event (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT audit_personal_salt CHECK (octet_length(salt) >= 16)
);
CREATE INDEX audit_personal_user_id_idx ON audit_personal (user_id);
CREATE INDEX audit_personal_written_at_idx ON audit_personal (written_at);

ALTER TABLE audit_event DISABLE TRIGGER audit_event_append_only;
ALTER TABLE audit_event ADD COLUMN personal_digest bytea;
-- Whether a sys-admin did it, as it was then: organizations are not shown who of the platform's people it was.
ALTER TABLE audit_event ADD COLUMN actor_kind text NOT NULL DEFAULT 'nobody';
INSERT INTO audit_personal (event_id, user_id, salt, details, written_at)
  SELECT id, actor_user_id, decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'),
    '{"ip":' || to_json(ip)::text || '}', at FROM audit_event WHERE ip IS NOT NULL;
UPDATE audit_event e SET personal_digest = audit_digest(p.salt, p.details) FROM audit_personal p WHERE p.event_id = e.id;
UPDATE audit_event e SET actor_kind = CASE WHEN EXISTS (SELECT FROM user_account u
    WHERE u.id = e.actor_user_id AND u.platform_role = 'sys_admin') THEN 'sys_admin' ELSE 'person' END
  WHERE e.actor_user_id IS NOT NULL;
ALTER TABLE audit_event DROP COLUMN ip;
ALTER TABLE audit_event ALTER COLUMN actor_kind DROP DEFAULT;
ALTER TABLE audit_event ADD CONSTRAINT audit_event_actor_kind
  CHECK (actor_kind IN ('nobody', 'person', 'sys_admin') AND (actor_kind = 'nobody') = (actor_user_id IS NULL));
ALTER TABLE audit_event ENABLE TRIGGER audit_event_append_only;

DROP INDEX audit_event_org_id_at_idx;
CREATE INDEX audit_event_org_id_at_id_idx ON audit_event (org_id, at, id);
CREATE INDEX audit_event_actor_user_id_at_id_idx ON audit_event (actor_user_id, at, id);
CREATE INDEX audit_event_platform_idx ON audit_event (at, id) WHERE org_id IS NULL OR kind LIKE 'organization.%';

-- Chains ---------------------------------------------------------------------------------------------------------------
-- An event's place in the chain of its organization (the nil UUID: of the platform); null until it is sealed.
CREATE TABLE audit_seal (
  event_id uuid NOT NULL,
  chain uuid NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  seq bigint,
  hash bytea,
  CONSTRAINT audit_seal_pkey PRIMARY KEY (event_id),
  CONSTRAINT audit_seal_event_id_fkey FOREIGN KEY (event_id) REFERENCES audit_event (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT audit_seal_whole CHECK ((seq IS NULL) = (hash IS NULL) AND seq > 0 AND octet_length(hash) = 32)
);
CREATE UNIQUE INDEX audit_seal_chain_seq_key ON audit_seal (chain, seq);
CREATE INDEX audit_seal_waiting_idx ON audit_seal (chain, xid, event_id) WHERE seq IS NULL;

-- The head of each chain; whoever holds its row's lock is its sealer.
CREATE TABLE audit_chain (
  chain uuid NOT NULL,
  seq bigint NOT NULL DEFAULT 0,
  hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
  signed_seq bigint NOT NULL DEFAULT 0,
  -- Since when there are events that no checkpoint vouches for.
  unsigned_since timestamptz(6),
  CONSTRAINT audit_chain_pkey PRIMARY KEY (chain),
  CONSTRAINT audit_chain_unsigned CHECK ((signed_seq = seq) = (unsigned_since IS NULL) AND signed_seq <= seq)
);
CREATE INDEX audit_chain_unsigned_idx ON audit_chain (unsigned_since) WHERE unsigned_since IS NOT NULL;

-- A chain's head as the issuer signed it (a JWS): what was before it cannot be written anew by the database alone.
CREATE TABLE audit_checkpoint (
  chain uuid NOT NULL,
  seq bigint NOT NULL,
  token text NOT NULL,
  signed_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT audit_checkpoint_pkey PRIMARY KEY (chain, seq)
);

INSERT INTO audit_seal (event_id, chain)
  SELECT id, coalesce(org_id, '00000000-0000-0000-0000-000000000000') FROM audit_event;

CREATE FUNCTION await_audit_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_seal (event_id, chain) VALUES (NEW.id, coalesce(NEW.org_id, '00000000-0000-0000-0000-000000000000'));
  RETURN NULL;
END $$;
CREATE TRIGGER audit_event_await_seal AFTER INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION await_audit_seal();

-- Nothing of it is written twice, and nothing goes but personal details -------------------------------------------------
CREATE TRIGGER audit_event_kept_whole BEFORE TRUNCATE ON audit_event EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_personal_unchanged BEFORE UPDATE ON audit_personal FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_personal_kept_whole BEFORE TRUNCATE ON audit_personal EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_seal_begins_open BEFORE INSERT ON audit_seal
  FOR EACH ROW WHEN (NEW.seq IS NOT NULL) EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_seal_set_once BEFORE UPDATE ON audit_seal
  FOR EACH ROW WHEN (OLD.seq IS NOT NULL OR (OLD.event_id, OLD.chain, OLD.xid) IS DISTINCT FROM (NEW.event_id, NEW.chain, NEW.xid))
  EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_seal_kept BEFORE DELETE ON audit_seal FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_seal_kept_whole BEFORE TRUNCATE ON audit_seal EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_chain_only_grows BEFORE UPDATE ON audit_chain
  FOR EACH ROW WHEN (NEW.chain <> OLD.chain OR NEW.seq < OLD.seq OR NEW.signed_seq < OLD.signed_seq)
  EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_chain_kept BEFORE DELETE ON audit_chain FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_chain_kept_whole BEFORE TRUNCATE ON audit_chain EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_checkpoint_append_only BEFORE UPDATE OR DELETE ON audit_checkpoint
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_checkpoint_kept_whole BEFORE TRUNCATE ON audit_checkpoint EXECUTE FUNCTION refuse_audit_change();
