-- Why: TRUNCATE fires no trigger of a row, so regions would never hear of it; an empty log of changes tells them that nothing
-- is to be seen any more, and they would take away all that they hold.
CREATE FUNCTION refuse_truncation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'truncation_refused: % is followed by regions row by row', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER change_kept_whole BEFORE TRUNCATE ON change EXECUTE FUNCTION refuse_truncation();
CREATE TRIGGER client_kept_whole BEFORE TRUNCATE ON client EXECUTE FUNCTION refuse_truncation();
CREATE TRIGGER entitlement_kept_whole BEFORE TRUNCATE ON entitlement EXECUTE FUNCTION refuse_truncation();
CREATE TRIGGER membership_kept_whole BEFORE TRUNCATE ON membership EXECUTE FUNCTION refuse_truncation();
CREATE TRIGGER organization_domain_kept_whole BEFORE TRUNCATE ON organization_domain EXECUTE FUNCTION refuse_truncation();
CREATE TRIGGER organization_kept_whole BEFORE TRUNCATE ON organization EXECUTE FUNCTION refuse_truncation();
CREATE TRIGGER organization_region_kept_whole BEFORE TRUNCATE ON organization_region EXECUTE FUNCTION refuse_truncation();
CREATE TRIGGER region_kept_whole BEFORE TRUNCATE ON region EXECUTE FUNCTION refuse_truncation();
CREATE TRIGGER revocation_kept_whole BEFORE TRUNCATE ON revocation EXECUTE FUNCTION refuse_truncation();
CREATE TRIGGER support_grant_kept_whole BEFORE TRUNCATE ON support_grant EXECUTE FUNCTION refuse_truncation();
CREATE TRIGGER user_account_kept_whole BEFORE TRUNCATE ON user_account EXECUTE FUNCTION refuse_truncation();
