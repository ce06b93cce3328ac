/*
 * drive.h: an lmdb store beside a model: what goes into both, and whether both say the same.
 *
 * A function that returns a text found something wrong and says what; NULL: all is well.
 */
#ifndef CRASH_DRIVE_H
#define CRASH_DRIVE_H

#include "model.h"
#include "store_port.h"

struct drive {
    struct chatroom_store store;
    chatroom_store_port port;
};

/* Opens the store in folder; the code of open(). Whatever it says, drive_close() follows. */
int drive_open(struct drive *drive, const char *folder);
void drive_close(struct drive *drive);

/* Submits count tickets at once, waits for all of them, and does the same with the model. Epochs go to the tickets. */
const char *drive_tickets(struct drive *drive, struct model *model, struct model_ticket *tickets, size_t count);

/* What the store found when it was opened and gives to read now, as a digest. */
const char *drive_digest(struct drive *drive, uint64_t *ret_digest);

#endif
