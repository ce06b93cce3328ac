/*
 * txn.h: for the files that work on an engine: one transaction, what its failure means, and values all of them use.
 */
#ifndef LMDB_TXN_H
#define LMDB_TXN_H

#include "engine.h"

/* Our code for one of LMDB's, of the system's, or of ours. */
int lmdb_code_of(int rc);

void lmdb_log_code(struct lmdb_engine *e, enum chatroom_log_level level, const char *event, int code);

/* Part of a transaction: any code but 0 undoes it. May be called twice, with everything as it was the first time. */
typedef int lmdb_work_fn(struct lmdb_engine *e, MDB_txn *txn, void *arg);

/*
 * Does the work in one transaction, again in a larger map if need be. What it did to the table and the state goes with
 * it. Errors, ours: those of the work; ENOSPC and ENOMEM, after which nothing is left behind; EUNSURE the commit failed
 * half way and the handle writes no more; EIO it writes no more, and did not now.
 */
int lmdb_transact(struct lmdb_engine *e, lmdb_work_fn *work, void *arg);

/* Parts of a transaction; LMDB's codes or ours. */
int lmdb_put_state(struct lmdb_engine *e, MDB_txn *txn);
int lmdb_put_index(struct lmdb_engine *e, MDB_txn *txn);

/* Part of open(): fills table and has_drops and reports what is there. LMDB's codes or ours. */
int lmdb_recover(struct lmdb_engine *e);

/* What makes seqs of one life of a room unlike those of another. */
static inline uint64_t lmdb_epoch_of(const struct lmdb_engine *e, uint64_t number)
{
    return e->state.epoch_base + number;
}

#endif
