/* The command line that ps(1) shows: title_take() at the start, then title_clear() and a title_add() for each word, which
 * tells whether there is room for more. */
#ifndef NC_TITLE_H
#define NC_TITLE_H

void title_take(int argc, char **argv);
void title_clear(void);
int title_add(const char *word);
#endif
