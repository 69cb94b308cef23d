//! Canaries minted a second by one command.

use crate::Plan;
use crate::data::{Data, Minted, scratch};
use crate::figures::load;

pub(crate) fn run(plan: &Plan) {
    let count = if plan.quick { 200_000 } else { 1_000_000 };
    let directory = scratch();
    let (_, minted) = Data::mint(plan, directory.path(), count);
    print(count, &minted);
}

pub(crate) fn print(count: u64, minted: &Minted) {
    let Minted { seconds, resident } = minted;
    println!(
        "minted {count} canaries in {seconds:.1} s, {:.0} a second, at most {resident:.0} MB \
         resident   (load {})",
        count as f64 / seconds,
        load()
    );
}
