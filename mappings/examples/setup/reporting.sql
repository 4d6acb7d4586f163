-- The reporting database (PostgreSQL).
CREATE TABLE customers (
  id bigint PRIMARY KEY, email text, name text, newsletter boolean,
  created_at timestamptz, updated_at timestamptz);
