-- returns: The measures of contacts and interface residues of a map across two proteins, each with its value by
--   chance, as a list of structs: measure, value, chance.
-- notes: pair is a struct of the measure columns of `pair_head_contacts` or `pair_choices`. Precisions are hits over
--   the pairs that were looked at. The interface is the mean of both proteins, or that of one where the other has
--   none.
CREATE MACRO contact_measures(pair) AS
    [{'measure': 'auroc', 'value': pair.auroc::DOUBLE, 'chance': 0.5::DOUBLE},
     {'measure': 'auprc', 'value': pair.auprc::DOUBLE, 'chance': pair.n_contacts / pair.n_pairs},
     {'measure': 'precision_1', 'value': pair.hits_1::DOUBLE, 'chance': pair.n_contacts / pair.n_pairs},
     {'measure': 'precision_5', 'value': pair.hits_5::DOUBLE / least(5, pair.n_pairs),
      'chance': pair.n_contacts / pair.n_pairs},
     {'measure': 'precision_10', 'value': pair.hits_10::DOUBLE / least(10, pair.n_pairs),
      'chance': pair.n_contacts / pair.n_pairs},
     {'measure': 'precision_l10', 'value': pair.hits_l10::DOUBLE / pair.n_l10,
      'chance': pair.n_contacts / pair.n_pairs},
     {'measure': 'interface_auroc',
      'value': list_avg(list_filter([pair.interface_auroc::DOUBLE, pair.partner_interface_auroc::DOUBLE],
                                    lambda side: side IS NOT NULL)),
      'chance': 0.5::DOUBLE}]
