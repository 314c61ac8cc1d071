-- +goose Up

-- PostgreSQL puts new terms beside an index until they are 4 MB, and then whoever brings the next ones sorts them all in:
-- half a second, within a transaction that publishes, edits or closes a petition, and that those who sign it wait for.
-- Now the program does that each second (IndexTexts), and only far more are sorted in by those who bring them.
ALTER INDEX search_documents_open SET (gin_pending_list_limit = 16384);
ALTER INDEX search_documents_paused SET (gin_pending_list_limit = 16384);
ALTER INDEX search_documents_closed SET (gin_pending_list_limit = 16384);
ALTER INDEX search_documents_archived SET (gin_pending_list_limit = 16384);
ALTER INDEX search_documents_unseen SET (gin_pending_list_limit = 16384);
