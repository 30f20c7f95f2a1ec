// An address in the code, which the loader has to write there.
asm(R"(
  .text
  .balign 8
here:
  .quad here
)");
