-- Why: managers of different regions invite the same person, each to their own; and who is invited has no account to
-- sign in to before the first code comes back.

-- Whoever gave a role in a region vouches for it until it is accepted. `given_at` orders it with what has happened to the
-- membership there meanwhile: what is newer stands.
ALTER TABLE invitation_role ADD COLUMN invited_by uuid;
ALTER TABLE invitation_role ADD COLUMN given_at timestamptz(6) NOT NULL DEFAULT meridian_now();
UPDATE invitation_role r SET invited_by = i.invited_by FROM invitation i WHERE i.id = r.invitation_id;
ALTER TABLE invitation_role ALTER COLUMN invited_by SET NOT NULL;
ALTER TABLE invitation_role ADD CONSTRAINT invitation_role_invited_by_fkey
  FOREIGN KEY (invited_by) REFERENCES user_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT;

-- For an address that is nobody's yet, the invitation that its code was mailed for. No foreign key: a challenge is over
-- within minutes, and a purge of invitations shall not look for it.
ALTER TABLE otp_challenge ADD COLUMN invitation_id uuid;
