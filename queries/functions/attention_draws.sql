-- returns: Into how many parts the attention of a head falls that may go anywhere: its edges, or for `mass` its
--   senders.
-- notes: form as in `in_form`; n_senders is the number of residues.
CREATE MACRO attention_draws(form, n_edges, n_senders) AS CASE form WHEN 'mass' THEN n_senders ELSE n_edges END
