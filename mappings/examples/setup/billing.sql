-- The billing system's database (SQLite).
CREATE TABLE customers (
  id INTEGER PRIMARY KEY, email_address TEXT, full_name TEXT, phone TEXT, plan_code TEXT, mrr_cents INTEGER,
  status TEXT, updated_at TIMESTAMP);
INSERT INTO customers (email_address, full_name, plan_code, mrr_cents, status, updated_at) VALUES
  ('anna@example.com', 'Anna Berg', 'gold', 4990, 'active', '2026-01-04 10:00:00'), ('qa@example.com', 'Test', 'free', 0, 'test', '2026-01-01 00:00:00');
