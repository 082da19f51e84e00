DELETE FROM label_order;

DELETE FROM labelling;

INSERT INTO labelling (version, ordered_to) VALUES ($1, 0);
