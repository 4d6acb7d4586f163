-- The CRM's database (SQLite).
CREATE TABLE contacts (
  id INTEGER PRIMARY KEY, email TEXT, first_name TEXT, last_name TEXT, phone TEXT, plan TEXT, stage TEXT,
  mrr DECIMAL(12,2), updated_at TIMESTAMP);
CREATE TABLE users (
  id INTEGER PRIMARY KEY, email TEXT, full_name TEXT, phone TEXT, team TEXT, updated_at TIMESTAMP, deleted_at TIMESTAMP);
INSERT INTO contacts (email, first_name, last_name, stage, updated_at) VALUES
  ('Anna@Example.com', 'Anna', 'Berg', 'customer', '2026-01-05 10:00:00'), ('ben@example.com', 'Ben', 'Ito', 'lead', '2026-01-06 09:00:00');
INSERT INTO users (email, full_name, team, updated_at) VALUES ('kim@example.com', 'Kim Lund', 'Support', '2026-01-05 10:00:00');
