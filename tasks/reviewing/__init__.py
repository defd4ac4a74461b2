"""People's review: doubtful questions go out into a file, people decide, and their answers come back as gold.

question       what a person is shown: one question with its texts and what labelers said of it. Pure.
answers        the words for answers in files, and whether one fits its question. Pure.
formulas       cells that a spreadsheet would take for a formula, made harmless and back. Pure.
spreadsheet    our CSV: written for people, read back; and plain gold files. Pure.
label_studio   Label Studio's tasks and labeling configuration. Pure.
annotations    what Label Studio exports, JSON and JSON-MIN. Pure.
json_stream    a large JSON array, element by element. Pure.
answer_file    opens a file of answers and finds out which of these it is
write_out      picks the questions and writes the file. Reads the warehouse.
bring_in       checks what people said and keeps it. Writes human_labels.
standing       who has reviewed what, and how far all agree. Reads the warehouse.
"""
