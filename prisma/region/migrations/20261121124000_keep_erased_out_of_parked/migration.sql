-- Why: what the feed told of somebody erased must not stay, or come back, among the entries that are put aside either.

-- Of what this build cannot make sense of nobody knows whose it is: it counts as theirs whose id stands where ids of
-- subjects do, whatever its kind and however it is written.
CREATE FUNCTION subjects_of_parked(id text, state jsonb) RETURNS uuid[] LANGUAGE sql IMMUTABLE AS $$
  SELECT ARRAY[uuid_or_null(lower(id)), uuid_or_null(lower(state ->> 'user_id')), uuid_or_null(lower(state ->> 'org_id'))]
$$;

CREATE FUNCTION keep_erased_out_of_parked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM erased_subject e
    WHERE e.kind IN ('user', 'organization') AND e.subject_id = ANY (subjects_of_parked(NEW.id, NEW.state))) THEN
    NEW.state := NULL;
    -- The text of a failure may have a value in it.
    NEW.reason := 'erased';
  END IF;
  RETURN NEW;
END $$;

DELETE FROM replica_parked p USING erased_subject e WHERE e.subject_id = ANY (subjects_of_parked(p.id, p.state));

CREATE TRIGGER replica_parked_takes_turns BEFORE INSERT OR UPDATE OR DELETE ON replica_parked
  FOR EACH STATEMENT EXECUTE FUNCTION take_turns_on_replica();
CREATE TRIGGER replica_parked_keeps_erased_out BEFORE INSERT OR UPDATE ON replica_parked
  FOR EACH ROW WHEN (NEW.state IS NOT NULL) EXECUTE FUNCTION keep_erased_out_of_parked();
