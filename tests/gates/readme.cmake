# readme.cmake - the C program in a page is the one that is compiled and run:
# cmake -DPAGE=README.md -DPROGRAM=docs/examples/<name>.c -P readme.cmake
file(READ ${PAGE} page)
file(READ ${PROGRAM} program)
string(REGEX MATCH "\n```c\n" begin "${page}")
string(FIND "${page}" "\n```c\n" begin)
string(SUBSTRING "${page}" ${begin} -1 page)
string(SUBSTRING "${page}" 6 -1 page)
string(FIND "${page}" "```" end)
string(SUBSTRING "${page}" 0 ${end} shown)
string(FIND "${program}" "${shown}" at)
if(NOT shown MATCHES "int main" OR at EQUAL -1)
  message(FATAL_ERROR "${PAGE} and ${PROGRAM} differ; the page has:\n${shown}")
endif()
