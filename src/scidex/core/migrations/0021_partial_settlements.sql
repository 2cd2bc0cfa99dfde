-- A reservation may be used while it stays open, and what it was used for stays with it whatever becomes of the rest.
ALTER TABLE budget_reservation DROP CONSTRAINT IF EXISTS budget_reservation_check3;
