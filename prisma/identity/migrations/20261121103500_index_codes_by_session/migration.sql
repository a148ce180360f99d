-- Why: ending and deleting a session takes its codes along, which were looked for among all codes.
CREATE INDEX authorization_code_session_id_idx ON authorization_code (session_id);
