//! Pages through the whole router.

mod frame;
