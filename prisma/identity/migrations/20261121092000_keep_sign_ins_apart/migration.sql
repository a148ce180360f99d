-- Why: a later sign-in in the same browser vouches for what comes after it, and must not lift what a client was given
-- before. So a client has one live session for each sign-in under a sign-on, and no session's auth_time ever changes.
DROP INDEX session_one_live_of_sign_on;
CREATE UNIQUE INDEX session_one_live_of_sign_on ON session (sign_on_id, client_id, auth_time)
  WHERE revoked_at IS NULL AND sign_on_id IS NOT NULL;
